GRANT {privilege} ON {view} TO {role}
