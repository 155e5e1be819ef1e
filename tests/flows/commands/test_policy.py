"""`gonogo export` and `gonogo drive`: a file, a card, a film, or one sentence."""

import json

import pytest
from PIL import Image

from flows.commands import policy
from flows.commands.policy import drive_policy, export_policy
from flows.errors import UsageError

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from trainer import __main__ as trainer

    folder = tmp_path_factory.mktemp("runs")
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 100,
        "seed": 0,
        "env": {"id": "drive", "camera_size": 16, "max_episode_steps": 30, "roads": 2},
        "train": {
            "encoder": "small",
            "features_dim": 8,
            "hidden_sizes": [8],
            "learning_starts": 50,
            "train_freq": 10,
            "batch_size": 16,
            "eval_every_steps": 50,
            "eval_episodes": 1,
        },
    }
    (folder / "request.json").write_text(json.dumps(content))
    assert trainer.main(["run", "--run", str(folder)]) == 0
    return folder


def test_a_policy_file_and_its_card_are_written(run, capsys):
    out = run / "mine.npz"
    assert export_policy(run, checkpoint="last", out=out, episodes=2) == 0
    card = (run / "mine.md").read_text()
    assert out.is_file()
    assert 'load_policy("mine.npz")' in card
    assert "The run was not judged." in card
    assert "bit for bit" in card
    said = capsys.readouterr().out
    assert "training routes" in said
    assert "2 fresh episodes" in said


def test_without_a_name_it_lands_in_the_run_folder(run):
    export_policy(run, checkpoint="best", out=None, episodes=1)
    assert "chose this checkpoint" in (run / "policy-best.md").read_text()


def test_mistakes_are_one_sentence(run, tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        export_policy(tmp_path, checkpoint="best", out=None, episodes=1)
    with pytest.raises(UsageError, match="there are best, last and the steps 50, 100"):
        export_policy(run, checkpoint="3", out=None, episodes=1)
    with pytest.raises(UsageError, match=r"ends in \.npz"):
        export_policy(run, checkpoint="best", out=tmp_path / "p.md", episodes=1)
    with pytest.raises(UsageError, match="there is no folder"):
        export_policy(run, checkpoint="best", out=tmp_path / "no" / "p.npz", episodes=1)


def film(run, video, capsys, *, episodes):
    """Drive and film the last checkpoint from one seed on; return what is said of each episode."""
    assert drive_policy(run, checkpoint="last", episodes=episodes, first_seed=9, video=video) == 0
    return capsys.readouterr().out.splitlines()[1 : 1 + episodes]


def test_a_film_shows_every_episode_and_the_same_seed_drives_the_same(run, tmp_path, capsys):
    said = film(run, tmp_path / "drive.gif", capsys, episodes=2)
    assert [line.split(",")[0] for line in said] == ["  seed 9", "  seed 10"]
    assert "of the route at" in said[0]
    with Image.open(tmp_path / "drive.gif") as pictures:
        assert pictures.format == "GIF"
        assert pictures.n_frames > 2
    pytest.importorskip("av", reason="the extra video is not installed")
    assert film(run, tmp_path / "drive.MP4", capsys, episodes=1) == said[:1]
    assert (tmp_path / "drive.MP4").read_bytes()[4:8] == b"ftyp"


def test_a_film_that_cannot_be_made_is_refused_before_anything_is_driven(
    run, tmp_path, monkeypatch
):
    def never(*_):
        raise AssertionError("driven")

    monkeypatch.setattr(policy, "_ask_trainer", never)
    monkeypatch.setattr(policy, "find_spec", lambda _: None)
    for name, said in (("a.avi", r"ends in \.gif or \.mp4"), ("a.mp4", r"extra video .* a GIF")):
        with pytest.raises(UsageError, match=said):
            drive_policy(run, checkpoint="best", episodes=1, first_seed=5, video=tmp_path / name)
