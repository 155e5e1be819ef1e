"""Names the likely causes of what failed, each with evidence from the events.

In:  the facts of a run and its findings.
Out: `Diagnosis` records, the most basic cause first; or what to log next time.

    signs: one measurement each > rules > `Suspicion` > diagnose
    rules: wiring, critic, recomputed, witness, identities, actor; run reads findings

A rule returns a suspicion only with evidence in numbers and steps. It asks for laws and tags through `Signs`, and for
findings by their check type, never by the id that a gate file gives a check. `causes` holds what is the same for
every run: meaning, what would refute it, what to do. Diagnosis never changes a verdict.
"""
