"""What is stored in pipeline, group and run directories, and how it is read and written.

In and out: JSON files, each written whole or not at all.

    state_folder: folder + lock + state file ──┬── run_dir: pipeline.json, of one seed
      state_record: stages and their entries   └── group_dir: group.json, of several seeds
    stored_result: file names, gate.json and joint.json      decisions: decision-001.json
    trainer_files, command_run: what a trainer tells         recipe: what a GO belongs to

Unknown keys are ignored, so that a newer gonogo may have written more of them.
"""
