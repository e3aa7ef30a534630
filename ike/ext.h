/*
 * The extensions that an IKE SA may have in force: what both ends have announced and we use. One
 * row each; `tunike status` shows them by name. Set with ike_ext_add where the answer that agrees
 * is read or written; an IKE SA that is rekeyed keeps them.
 */
#ifndef IKE_EXT_H
#define IKE_EXT_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define IKE_EXT_LIST(X) \
	/* symbol         name */ \
	X(FRAGMENTATION,  "fragmentation") /* RFC 7383 */ \
	X(QCD,            "quick-crash-detection") /* RFC 6290: we hold the peer's token */ \
	X(AUTH_LIFETIME,  "auth-lifetime") /* RFC 4478 */ \
	X(RESUMPTION,     "resumption") /* RFC 5723: there is a ticket */ \
	X(RESUMED,        "resumed") /* RFC 5723: it was set up with one */ \
	X(CHILDLESS,      "childless") /* RFC 6023 */ \
	X(REDIRECT,       "redirect") /* RFC 5685 */ \
	X(AUTH_METHODS,   "auth-methods") /* RFC 9593 */ \
	X(PPK,            "ppk") /* RFC 8784 */ \
	X(CONFIGURATION,  "configuration") /* addresses by RFC 7296 section 3.15 */ \
	X(SPLIT_DNS,      "split-dns")     /* RFC 8598 */ \
	X(INTERMEDIATE,   "intermediate")  /* RFC 9242 */
/* clang-format on */

enum ike_ext {
#define IKE_EXT_ENUM(symbol, name) IKE_EXT_##symbol,
	IKE_EXT_LIST(IKE_EXT_ENUM)
#undef IKE_EXT_ENUM
	    IKE_EXTS, /* how many */
};

typedef uint32_t ike_ext_set; /* bit e: enum ike_ext e */
_Static_assert(IKE_EXTS <= 32, "a set of extensions has 32 bits");

static inline bool ike_ext_has(ike_ext_set set, enum ike_ext e)
{
	return set >> e & 1;
}

static inline void ike_ext_add(ike_ext_set *set, enum ike_ext e)
{
	*set |= UINT32_C(1) << e;
}

const char *ike_ext_name(enum ike_ext e); /* "fragmentation" */

#endif
