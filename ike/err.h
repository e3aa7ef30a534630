/*
 * What can go wrong in the protocol: symbol, notify to send (0: none), severity, sentence. One row
 * each.
 *
 * The peer erred (PEER), we lack something or our configuration does not fit (OURS), we have a bug
 * (BUG): never mixed.
 */
#ifndef IKE_ERR_H
#define IKE_ERR_H

enum ike_severity { IKE_SEV_NONE, IKE_SEV_PEER, IKE_SEV_OURS, IKE_SEV_BUG };

/* clang-format off */
#define IKE_ERR_LIST(X) \
	/* symbol             value notify severity sentence                                                        */ \
	X(OK,                    0,    0, NONE, "no error")                                                            \
	X(ENOMEM,               -1,    0, OURS, "out of memory")                                                       \
	X(ESHORT,               -2,    0, PEER, "the message is shorter than its header or its length field says")     \
	X(EVERSION,             -3,    5, PEER, "the IKE major version is not 2")                                      \
	X(ESYNTAX,              -4,    7, PEER, "a payload is malformed, missing, repeated or out of place")           \
	X(ECRITICAL,            -5,    1, PEER, "an unknown payload is marked critical")                               \
	X(EINTEGRITY,           -6,    0, PEER, "the integrity check of the message failed")                           \
	X(ESPI,                 -7,    4, PEER, "no IKE SA has these SPIs")                                            \
	X(EMSGID,               -8,    0, PEER, "the message ID is outside the window")                                \
	X(ESTATE,               -9,    0, PEER, "the message does not fit the state of the IKE SA")                    \
	X(ENOPROPOSAL,         -10,   14, PEER, "no proposal in common")                                               \
	X(EKE,                 -11,   17, PEER, "the key exchange payload has another group than the one chosen")      \
	X(EKEVALUE,            -12,    7, PEER, "the public value of the key exchange is not valid for its group")     \
	X(EAUTH,               -13,   24, PEER, "authentication failed")                                               \
	X(EID,                 -14,   24, PEER, "the identity of the peer is not the configured one")                  \
	X(ENOCONN,             -15,   24, OURS, "no configured connection fits the peer's address and identity")       \
	X(ENOSECRET,           -16,   24, OURS, "there is no secret for these identities")                             \
	X(ETS,                 -17,   38, PEER, "the traffic selectors have nothing in common")                        \
	X(ETIMEOUT,            -18,    0, PEER, "the peer did not answer")                                             \
	X(EPEERNOTIFY,         -19,    0, PEER, "the peer refused with an error notification")                         \
	X(EPEERDELETE,         -20,    0, PEER, "the peer deleted the SA")                                             \
	X(EREPLACED,           -21,    0, NONE, "replaced by a newer SA of the same peer")                             \
	X(ELOCALDELETE,        -22,    0, NONE, "taken down here")                                                     \
	X(ELIMIT,              -23,    0, OURS, "a limit is reached")                                                  \
	X(ENOADDITIONAL,       -24,   35, PEER, "no additional Child SAs")                                             \
	X(ETEMPORARY,          -25,   43, PEER, "temporarily unable: another exchange on this SA is under way")        \
	X(ECHILDNOTFOUND,      -26,   44, PEER, "no such Child SA")                                                    \
	X(ERESTARTED,          -36,    0, PEER, "the peer has restarted and lost the IKE SA")                          \
	X(ELIFETIME,           -27,    0, NONE, "the hard lifetime of the Child SA has ended")                         \
	X(EUNSUPPORTED,        -28,    0, OURS, "this build or this OpenSSL lacks the algorithm")                      \
	X(EUNKNOWN,            -29,    0, OURS, "no such connection, child or SA")                                     \
	X(EMAXQUEUE,           -31,   48, NONE, "every worker has its Child SA")                                       \
	X(EREDIRECTED,         -40,    0, NONE, "another gateway is to be called")                                    \
	X(EADDRESS,            -43,   36, OURS, "no address is left to hand out")                                      \
	X(ENOADDRESS,          -44,    0, PEER, "the peer gave no address")                                            \
	X(ECPREQUIRED,         -45,   37, PEER, "the peer asked for no address")                                       \
	X(EBUG,                -30,    0, BUG,  "internal error")
/* clang-format on */

enum ike_err {
#define IKE_ERR_ENUM(symbol, value, notify, severity, sentence) IKE_##symbol = value,
	IKE_ERR_LIST(IKE_ERR_ENUM)
#undef IKE_ERR_ENUM
};

const char *ike_err_sentence(enum ike_err e);
unsigned ike_err_notify(enum ike_err e); /* the error notify type that tells the peer; 0: none */
enum ike_severity ike_err_severity(enum ike_err e);

#endif
