SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bi_reader')
