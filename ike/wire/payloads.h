/*
 * The payload table: RFC 7296 section 3 and its appendix C as one drawn list.
 *
 * codec: the file wire/pld_CODEC.c with ike_pld_CODEC(). min: the fewest bytes after the generic
 * header. Then one column per message, request and response: what may stand in its plaintext
 * (IKE_SA_INIT) or inside its SK payload, or its SKF payloads together (all others):
 *
 *     -  forbidden     ?  at most one     1  exactly one     *  any number
 *     =  one, with all the others that are marked so, or none of them
 *
 * INIT is IKE_SA_INIT, AUTH the first IKE_AUTH, CHILD a CREATE_CHILD_SA for a Child SA (new or
 * rekeyed), REKEY one that rekeys the IKE SA, INFO is INFORMATIONAL, RESUME IKE_SESSION_RESUME (RFC
 * 5723), MORE IKE_INTERMEDIATE with an additional key exchange, and IKE_FOLLOWUP_KE (RFC 9242, RFC
 * 9370 section 2.2). AUTH is optional in the request, because a peer that wants EAP leaves it out;
 * an IKE SA without a child has neither SA nor TSi and TSr there (RFC 6023). PS of IKE_AUTH stands
 * beside SK, in the plaintext (RFC 8019). In a response an error notification, COOKIE or REDIRECT
 * stands for all that is required (see ike_msg_check).
 */
#ifndef IKE_WIRE_PAYLOADS_H
#define IKE_WIRE_PAYLOADS_H

#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define IKE_PAYLOAD_LIST(X) \
	/*                                      INIT      AUTH      CHILD     REKEY     INFO      RESUME    MORE    */ \
	/* id  symbol   name       codec    min req resp  req resp  req resp  req resp  req resp  req resp  req resp */ \
	X( 33, SA,      "SA",      sa,        8, '1','1',  '=','=',  '1','1',  '1','1',  '-','-',  '-','-',  '-','-') \
	X( 34, KE,      "KE",      ke,        5, '1','1',  '-','-',  '?','?',  '1','1',  '-','-',  '-','-',  '1','1') \
	X( 35, IDI,     "IDi",     id,        4, '-','-',  '1','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 36, IDR,     "IDr",     id,        4, '-','-',  '?','1',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 37, CERT,    "CERT",    cert,      1, '-','-',  '*','*',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 38, CERTREQ, "CERTREQ", cert,      1, '-','*',  '*','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 39, AUTH,    "AUTH",    auth,      4, '-','-',  '?','1',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 40, NONCE,   "Nonce",   nonce,    16, '1','1',  '-','-',  '1','1',  '1','1',  '-','-',  '1','1',  '-','-') \
	X( 41, NOTIFY,  "N",       notify,    4, '*','*',  '*','*',  '*','*',  '*','*',  '*','*',  '*','*',  '*','*') \
	X( 42, DELETE,  "D",       delete,    4, '-','-',  '-','-',  '-','-',  '-','-',  '*','*',  '-','-',  '-','-') \
	X( 43, VENDOR,  "V",       vendor,    0, '*','*',  '*','*',  '*','*',  '*','*',  '*','*',  '*','*',  '*','*') \
	X( 44, TSI,     "TSi",     ts,       12, '-','-',  '=','=',  '1','1',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 45, TSR,     "TSr",     ts,       12, '-','-',  '=','=',  '1','1',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 46, SK,      "SK",      sk,        1, '-','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 47, CP,      "CP",      cp,        4, '-','-',  '?','?',  '?','?',  '-','-',  '?','?',  '-','-',  '-','-') \
	X( 48, EAP,     "EAP",     raw,       4, '-','-',  '?','?',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 53, SKF,     "SKF",     skf,       5, '-','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-') \
	X( 54, PS,      "PS",      raw,       4, '?','-',  '?','-',  '-','-',  '-','-',  '-','-',  '-','-',  '-','-')
/* clang-format on */

/* The columns. A message's own column: ike_msg_rules(). */
enum ike_rules {
	IKE_RULES_INIT_REQ,
	IKE_RULES_INIT_RESP,
	IKE_RULES_AUTH_REQ,
	IKE_RULES_AUTH_RESP,
	IKE_RULES_CHILD_REQ,
	IKE_RULES_CHILD_RESP,
	IKE_RULES_REKEY_REQ,
	IKE_RULES_REKEY_RESP,
	IKE_RULES_INFO_REQ,
	IKE_RULES_INFO_RESP,
	IKE_RULES_RESUME_REQ,
	IKE_RULES_RESUME_RESP,
	IKE_RULES_MORE_REQ,
	IKE_RULES_MORE_RESP,
	IKE_RULES, /* how many */
};

enum ike_payload_type {
	IKE_PLD_NONE = 0,
#define IKE_PAYLOAD_ENUM(id, symbol, name, codec, min, ...) IKE_PLD_##symbol = id,
	IKE_PAYLOAD_LIST(IKE_PAYLOAD_ENUM)
#undef IKE_PAYLOAD_ENUM
};

/* Rows as indices, for counters. */
enum ike_payload_row {
#define IKE_PAYLOAD_ROW(id, symbol, name, codec, min, ...) IKE_ROW_##symbol,
	IKE_PAYLOAD_LIST(IKE_PAYLOAD_ROW)
#undef IKE_PAYLOAD_ROW
	    IKE_ROWS, /* how many payloads we know */
};

const char *ike_payload_name(uint8_t type); /* "KE", "SKF"; "unknown" */
int ike_payload_row(uint8_t type);          /* enum ike_payload_row, or -1 */

#endif
