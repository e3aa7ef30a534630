/*
 * The collision matrix against the sentences of RFC 7296 section 2.25.
 */
#include "ike/collision.h"
#include "test/unit/ike_test.h"

/* clang-format off */
static const struct {
	enum ike_doing doing;
	enum ike_asked asked;
	enum ike_verdict want;
	const char *sentence;
} cases[] = {
	{IKE_DOING_DELETE_CHILD, IKE_ASKED_REKEY_CHILD,  IKE_DO_TEMPORARY, "to rekey a Child SA that it is currently trying to close: TEMPORARY_FAILURE"},
	{IKE_DOING_DELETE_CHILD, IKE_ASKED_DELETE_CHILD, IKE_DO_SILENT,    "to close a Child SA that it is currently trying to close: without a Delete payload"},
	{IKE_DOING_CREATE_CHILD, IKE_ASKED_REKEY_IKE,    IKE_DO_TEMPORARY, "to rekey the IKE SA while creating a Child SA: TEMPORARY_FAILURE"},
	{IKE_DOING_DELETE_CHILD, IKE_ASKED_REKEY_IKE,    IKE_DO_TEMPORARY, "to rekey the IKE SA while closing a Child SA: TEMPORARY_FAILURE"},
	{IKE_DOING_DELETE_IKE,   IKE_ASKED_REKEY_IKE,    IKE_DO_TEMPORARY, "to rekey an IKE SA that it is currently trying to close: TEMPORARY_FAILURE"},
	{IKE_DOING_DELETE_IKE,   IKE_ASKED_DELETE_IKE,   IKE_DO_FORGET,    "to close an IKE SA that it is currently trying to close: reply, and forget its own"},
	{IKE_DOING_DELETE_IKE,   IKE_ASKED_CREATE_CHILD, IKE_DO_TEMPORARY, "a new Child SA of an IKE SA that is closing"},
	{IKE_DOING_DELETE_IKE,   IKE_ASKED_DELETE_CHILD, IKE_DO_PROCEED,   "a Child SA of an IKE SA that is closing may go first"},
	{IKE_DOING_CREATE_CHILD, IKE_ASKED_CREATE_CHILD, IKE_DO_PROCEED,   "both may create at once"},
	{IKE_DOING_REKEY_IKE,    IKE_ASKED_CREATE_CHILD, IKE_DO_TEMPORARY, "to create a Child SA when it is currently rekeying the IKE SA: TEMPORARY_FAILURE"},
	{IKE_DOING_REKEY_IKE,    IKE_ASKED_REKEY_CHILD,  IKE_DO_TEMPORARY, "to rekey a Child SA when it is currently rekeying the IKE SA: TEMPORARY_FAILURE"},
	{IKE_DOING_REKEY_IKE,    IKE_ASKED_DELETE_CHILD, IKE_DO_PROCEED,   "to delete a Child SA when it is currently rekeying the IKE SA: reply as usual, with a Delete payload"},
	{IKE_DOING_REKEY_IKE,    IKE_ASKED_REKEY_IKE,    IKE_DO_PROCEED,   "to rekey an IKE SA that it is currently rekeying: reply as usual"},
	{IKE_DOING_REKEY_IKE,    IKE_ASKED_DELETE_IKE,   IKE_DO_PROCEED,   "to close an IKE SA that it is currently rekeying: reply as usual"},
	{IKE_DOING_NOTHING,      IKE_ASKED_DELETE_IKE,   IKE_DO_PROCEED,   "nothing in the way"},
};
/* clang-format on */

START_TEST(sentence)
{
	ck_assert_msg(ike_collide(cases[_i].doing, cases[_i].asked) == cases[_i].want, "%s",
	    cases[_i].sentence);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ike_collision");

	add_loop(s, "sentence", sentence, sizeof cases / sizeof cases[0]);
	return run_suite(s);
}
