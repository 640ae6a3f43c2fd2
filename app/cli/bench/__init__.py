"""`lrgd bench`: each section measures one promise on this machine, on servers of its own."""
