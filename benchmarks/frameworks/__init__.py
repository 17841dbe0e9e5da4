"""Each contestant's side of the trials cases: tables from a case's work to what prepares it."""
