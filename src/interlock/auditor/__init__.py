"""Independent books: an auditor that is told what happens in a run, and judges whether the promise was kept.

It shares no line with what it judges, so that one misreading cannot be made twice: it knows neither the core nor a
node, a ledger, a certificate's bytes. It is written from the specification, and imports the standard library alone.

Read `event` for what it is told, then `auditor`, then `violation`. Give it every event in the order in which they
happened; each is judged as it comes, and ended settlements are forgotten but for their outcome.
"""
