# Prints "PASSED FAILED" of a CTest log: the checks of each Check suite; 1 for any other test.
function finish() {
	if (!open)
		return
	if (!bad && checks == 0)
		checks = 1
	if (bad && wrong == 0)
		wrong = 1
	if (wrong > checks)
		checks = wrong
	passed += checks - wrong
	failed += wrong
}
/^[0-9]+\/[0-9]+ Testing: / { finish(); open = 1; bad = checks = wrong = 0 }
/^[0-9]+%: Checks: / {
	gsub(/,/, "")
	checks += $3; wrong += $5 + $7
}
/^Test Failed\./ || /^Test timeout/ || /\*\*\*(Exception|Timeout|Not Run)/ { bad = 1 }
END { finish(); print passed + 0, failed + 0 }
