"""What people decide about a verdict that is not GO, for one run and for several seeds alike.

In: a judgement (`Judged`: a directory, a stage, an entry) and what the request says about waiting.
Out: `decision-001.json` beside gate.json or joint.json; the state file and the reports, which show it.

    judged folder -> waiting.settle -> go on | stop | ask: form (Prefect's page) or gonogo approve
                                                              |
                     judged.show  <-  decision-NNN.json  <----+

A decision never changes a verdict. `flows.records.decisions` holds the record itself.
"""
