"""From a fusion group to a loop nest."""
