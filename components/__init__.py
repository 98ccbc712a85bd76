"""One room per pipeline step: its spec, its executor and its command line. No component imports another."""
