"""Reads TensorBoard event files: bytes in, one series per tag out, with everything that was damaged or left out.

```
folder       which files are the run
file         bytes of one file, block by block              FileTail
scanner      whole, intact records and damage               RecordBatch, Flaw   (framing, checksums)
decoder      records of a known kind at once, others alone  OpenBatch -> Points, Table   (batch, kinds, proto, wire)
points       points that a session start voids drop out     Decoded -> Series   (tag_table)
one_run      files and folders of one run, and their order
tail         all files of one run, also while they grow     EventLog
reader       the whole run, read once: `read_events`        EventLog
```

A file is read once, in blocks; whatever its checksums do not cover is not believed. Speed comes from repetition: a
trainer writes the same few kinds of event, and all events of a kind are decoded by one array operation
(docs/decisions/0009).
"""
