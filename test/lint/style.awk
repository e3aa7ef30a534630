# Sizes and words in C files. Prints "file:line: what" and leaves 1 if there was anything.
# Of -v: lines (a file's limit), function_lines.
function report(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; found = 1 }
FNR == 1 {
	if (last_file != "" && last > lines) {
		printf "%s: %d lines, the limit is %d\n", last_file, last, lines
		found = 1
	}
	last_file = FILENAME
	start = 0
}
{ last = FNR }
/^\{/ { start = FNR }
/^\}/ && start {
	if (FNR - start + 1 > function_lines)
		report("a function of " FNR - start + 1 " lines, the limit is " function_lines)
	start = 0
}
{ gsub(/RFC822|\[RFC[0-9]+\]/, "") } # a kind of identity; how Wireshark calls algorithms
/(^|[^A-Za-z_])(RFC[0-9-]|rfc [0-9])|RFC +[0-9]+,? *(§|[Ss]ec\.|Section|Sec )|RFC +[0-9]+, section|§ ?[0-9]/ {
	report("an RFC is cited as \"RFC 7296 section 2.25.1\"")
}
/[^A-Za-z_](TODO|FIXME|XXX|HACK)[^A-Za-z_]/ { report("unfinished by its own words") }
/[ \t]+$/ { report("blanks at the end of the line") }
END {
	if (last > lines) {
		printf "%s: %d lines, the limit is %d\n", last_file, last, lines
		found = 1
	}
	exit found + 0
}
