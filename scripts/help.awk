# Print the doors of a Makefile: lines of the form `door: ... ## what it does | example`.

BEGIN {
  FS = "## "
  print "Doors of this house, each with an example:\n"
}

/^[a-z-]+:.*## / {
  split($1, door, ":")
  split($2, text, / \| /)
  printf "  make %-10s %-56s %s\n", door[1], text[1], text[2]
}

END {
  print "\nmake demo and make test need Python 3.11 to 3.13 and make alone; make test-all needs npm too."
}
