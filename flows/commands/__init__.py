"""What each command does, free of the command line's options and help.

In: checked values, such as a `RunRequest` or a directory. Out: lines for people and an exit code:
0 GO, 3 NO_GO, 4 CONDITIONAL, 2 wrong usage or configuration, 1 broken.

    run                         trains and judges
    gate, backtest, compare, history    judge and show stored runs
    decide, rollback            change what a run counts for
    doctor, carla_double        look at this machine; stand in for a simulator
    terminal                    how all of them speak
"""
