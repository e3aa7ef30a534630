# Holds every #include against includes.tsv, which is the first file. Prints what breaks it; leaves 1 if anything.
FILENAME ~ /includes\.tsv$/ {
	if ($0 !~ /^#/ && NF) {
		split($0, row, "\t")
		where[row[1]] = row[2]
	}
	next
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
	header = $0
	sub(/^[^<"]*[<"]/, "", header)
	sub(/[>"].*/, "", header)
	best = ""
	for (prefix in where)
		if (index(header, prefix) == 1 && length(prefix) > length(best))
			best = prefix
	if (best == "" || where[best] == ".")
		next
	n = split(where[best], places, " ")
	for (i = 1; i <= n; i++)
		if (index(FILENAME, places[i] "/") == 1 || FILENAME == places[i] || index(FILENAME, places[i] ".") == 1)
			next
	printf "%s:%d: <%s> belongs under: %s\n", FILENAME, FNR, header, where[best]
	found = 1
}
END { exit found + 0 }
