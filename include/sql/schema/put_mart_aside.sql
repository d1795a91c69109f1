ALTER VIEW {view} RENAME TO {aside}
