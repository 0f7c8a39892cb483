"""How a committee stands, seen from outside: who can sign, what can be read, what is close to
failing.

`heard` is what one member says of itself, `standing` what follows from what all of them say; both
are pure. `polling` asks them, each on its own, so that a silent one delays nobody.
"""
