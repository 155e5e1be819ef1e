"""Reads the same event files with tbparse, which shares no code with `gates.events`, and compares point by point.

```
compare         EventLog -> CrossCheck: which points differ, and whether damage explains it
columns         stands in for pandas in that process, which takes longer to load than to read with
tbparse_reader  FileToRead -> Reading, file by file, cut to the bytes that were judged
process         runs the reader as a child process that loads while the run is judged   (messages, worker)
sample          stretches of whole records, for logs too long to read twice
```

Two readers that agree rule out a mistake in either. Why a process of its own: docs/decisions/0010.
"""
