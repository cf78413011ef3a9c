"""The calls of other programs, so that their clients work unchanged; each program's can be switched on alone."""
