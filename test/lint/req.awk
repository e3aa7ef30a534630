# Holds the lists of test/lint/rfc/NUMBER.txt against the REQ("…") tags of the tests. Lists come first.
#
# A line of a list:   NUMBER-SECTION-N <TAB> MUST or SHOULD <TAB> the sentence in short <TAB> covered | declined: why
# MUST NOT counts as MUST; RECOMMENDED and NOT RECOMMENDED count as SHOULD. "#" begins a comment.

BEGIN { FS = "\t" }

FNR == 1 { list = FILENAME ~ /rfc\/[0-9]+\.txt$/; open = 0 }

function fault(what) { print FILENAME ":" FNR ": " what; faults++ }

list && (/^#/ || /^$/) { next }
list {
	number = FILENAME
	sub(/.*\//, "", number); sub(/\.txt$/, "", number)
	if (NF != 4) { fault("four fields with tabs between them, not " NF); next }
	if ($1 !~ ("^" number "-[0-9A-Z]+(\\.[0-9]+)*-[0-9]+$")) fault("\"" $1 "\" is not " number "-SECTION-N")
	if ($1 in status) fault("\"" $1 "\" stands here twice")
	if ($2 != "MUST" && $2 != "SHOULD") fault("\"" $2 "\" is neither MUST nor SHOULD")
	if ($4 != "covered" && $4 !~ /^declined: ./) fault("\"" $4 "\" is neither \"covered\" nor \"declined: why\"")
	status[$1] = $4; text[$1] = $2 ": " $3; where[$1] = FILENAME ":" FNR
	order[++n] = $1
	next
}

# The names inside REQ(…), which may go on over several lines.
{
	rest = $0
	while (open || match(rest, /(^|[^A-Z_a-z0-9])REQ\(/)) {
		if (!open) { rest = substr(rest, RSTART + RLENGTH); open = 1 }
		end = index(rest, ")")
		names = end ? substr(rest, 1, end - 1) : rest
		while (match(names, /"[^"]*"/)) {
			id = substr(names, RSTART + 1, RLENGTH - 2)
			names = substr(names, RSTART + RLENGTH)
			tests[id]++
			if (!(id in status)) fault("\"" id "\" is in no list of test/lint/rfc/")
		}
		if (!end) break
		open = 0
		rest = substr(rest, end + 1)
	}
}

END {
	for (i = 1; i <= n; i++) {
		id = order[i]
		if (status[id] == "covered" && !(id in tests)) { print where[id] ": no test covers " id ": " text[id]; faults++ }
		else if (status[id] != "covered" && (id in tests)) { print where[id] ": a test covers " id ", which is declined here"; faults++ }
		else if (status[id] == "covered") covered++
	}
	for (i = 1; i <= n; i++)
		if (!(order[i] in tests)) print "not covered: " order[i] " (" text[order[i]] "): " status[order[i]]
	print n " sentences, " covered + 0 " covered by tests"
	exit faults > 0
}
