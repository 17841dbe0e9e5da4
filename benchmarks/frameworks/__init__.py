"""Each contestant's side of the turns cases: tables from a case's work to what prepares it."""
