"""Where pages come from: each kind of source in a module of its own, all behind one protocol."""
