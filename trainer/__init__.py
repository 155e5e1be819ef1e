"""The built-in trainer: learns a policy and writes a run directory; knows nothing of gates, reports and flows.

In: `request.json`, what to train. Out: `run.json`, the heartbeat `status.json`, event files and checkpoints
(docs/run-directory.md). It runs as a process of its own, `python -m trainer`.

    __main__      subcommands, signals, exit codes
    loop          act, store, learn, evaluate, save
    evaluate      the policy without noise; `final_evaluation` drives all routes, `drives` records them, `afresh`
                  compares the last policy with the best and the untrained one
    driving/      how well an episode was driven
    run/          reads the request, writes the files of the run
    agents/       algorithms: networks and update rules
    replay/       transitions, from which batches are drawn
    envs/         environments
    config        every hyperparameter, once
"""
