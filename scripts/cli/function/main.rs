// The runtime asks for this file. The executable beside it, built before, is what runs.
