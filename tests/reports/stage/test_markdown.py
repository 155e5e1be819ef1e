"""The written report of a stage: order, files, and what happens when writing fails."""

import os
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from msgspec import structs

from flows.commands.terminal import result_lines
from gates.findings import Outcome, Verdict
from gates.judge import Judgement
from gates.runs.run_info import RunInfo
from reports.stage.embed import embed_plots
from reports.stage.html import render_html, write_html_report
from reports.stage.latex import render_latex
from reports.stage.markdown import render_stage_markdown, write_stage_report
from reports.stage.plots import draw_stage_plots


def _headings(markdown):
    return re.findall(r"^## (.+)$", markdown, flags=re.MULTILINE)


def test_the_first_line_is_the_verdict_with_its_reason(leak_case):
    judgement, context = leak_case
    first, *_ = render_stage_markdown(judgement, context, ()).splitlines()
    assert first == (
        "# NO-GO at 5k: mean actor Q is 2.13e+06, 204 times its bound, above 15,670 since step 1,850"
    )


def test_sections_come_in_the_order_of_a_reader_in_a_hurry(leak_case):
    judgement, context = leak_case
    assert _headings(render_stage_markdown(judgement, context, ())) == [
        "What happens next",
        "Checks",
        "Integrity",
        "Failed, warned or not decided",
        "Diagnosis",
        "Warnings about the gate",
        "Changes since the last run",
        "Learning",
        "What this stage cannot decide",
        "Time of the next stage",
    ]


def test_a_go_shows_the_run_and_no_empty_sections(healthy_case):
    judgement, context = healthy_case
    plots = draw_stage_plots(judgement.result, judgement.log, context.config)
    markdown = render_stage_markdown(judgement, context, plots)
    assert _headings(markdown) == [
        "What happens next",
        "Checks",
        "Integrity",
        "The run",
        "Learning",
        "What this stage cannot decide",
        "Time of the next stage",
    ]
    assert "50k (50,000 steps) may start: about 6 min 33 s at 127 steps/s over 39 s." in markdown
    assert [plot.path for plot in plots] == ["plots/overview.png"]


def test_the_last_stage_says_that_it_is_the_last(healthy_case):
    judgement, context = healthy_case
    markdown = render_stage_markdown(judgement, structs.replace(context, next_stage=None), ())
    assert "This was the last stage." in markdown


def test_the_fix_is_a_diff_and_a_command_that_can_be_copied(leak_case):
    judgement, context = leak_case
    markdown = render_stage_markdown(judgement, context, ())
    assert (
        "```diff\n+ train.preact_penalty: 0.02\n- train.actor_lr: 0.0001\n"
        "+ train.actor_lr: 1e-05\n```" in markdown
    )
    assert (
        "gonogo stage 5k --out runs/drive-seed0 --set train.preact_penalty=0.02 "
        "--set train.actor_lr=1.0e-05\n" in markdown
    )


def test_a_cause_that_nobody_knows_is_said_to_be_unknown(leak_case):
    judgement, context = leak_case
    result = replace(judgement.result, diagnoses=(), unexplained="Log `features/actor_cnn_l2`.")
    markdown = render_stage_markdown(structs.replace(judgement, result=result), context, ())
    assert "Log `features/actor_cnn_l2`." in markdown
    assert "Diagnosis" in _headings(markdown)


def test_the_configuration_falls_back_to_what_the_run_says(healthy_case):
    judgement, context = healthy_case
    info = RunInfo(source="run.json", train={"tau": 0.5})
    bare = structs.replace(context, config={})
    assert "Hyperparameters" not in render_stage_markdown(judgement, bare, ())
    markdown = render_stage_markdown(structs.replace(judgement, run_info=info), bare, ())
    assert "| target averaging (tau) | **0.5** | 0.005 | 0.005 | 0.005 |" in markdown


def test_every_linked_plot_is_written_and_small(leak_case, tmp_path):
    judgement, context = leak_case
    path = write_stage_report(judgement, context, tmp_path)
    assert path == tmp_path / "report.md"
    links = re.findall(r"\]\((plots/[^)]+)\)", path.read_text(encoding="utf-8"))
    assert sorted(links) == [
        "plots/actor-gradient-path.png",
        "plots/actor-q-mean-bound.png",
        "plots/overview.png",
    ]
    assert all((tmp_path / link).stat().st_size < 60_000 for link in links)
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {p.split("/")[1] for p in links}


def test_judging_again_removes_only_plots_that_the_report_had(leak_case, healthy_case, tmp_path):
    write_stage_report(*leak_case, tmp_path)
    (tmp_path / "plots" / "mine.png").write_bytes(b"mine")
    write_stage_report(*healthy_case, tmp_path)
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {"overview.png", "mine.png"}


def test_checks_with_the_same_file_name_do_not_overwrite_each_other(leak_case, build):
    judgement, context = leak_case
    findings = tuple(
        build.finding(
            check, "T", 50.0, 3.0, outcome=Outcome.FAIL, tag="train/q1_value", required=True
        )
        for check in ("a b", "a-b", "overview", "A_B")
    )
    result = replace(judgement.result, findings=findings)
    plots = draw_stage_plots(result, judgement.log, context.config)
    assert [plot.path for plot in plots] == [
        "plots/overview.png",
        "plots/a-b.png",
        "plots/a-b-2.png",
        "plots/overview-2.png",
        "plots/a-b-3.png",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_folder_is_an_error_and_leaves_nothing(leak_case, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="plots"):
        write_stage_report(*leak_case, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_report_whole(
    healthy_case, leak_case, tmp_path, monkeypatch
):
    path = write_stage_report(*healthy_case, tmp_path)
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_stage_report(*leak_case, tmp_path)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"report.md", "overview.png"}


def test_the_report_says_the_same_every_time(leak_case, tmp_path):
    first = write_stage_report(*leak_case, tmp_path).read_bytes()
    image = (tmp_path / "plots" / "overview.png").read_bytes()
    assert write_stage_report(*leak_case, tmp_path).read_bytes() == first
    assert (tmp_path / "plots" / "overview.png").read_bytes() == image


# Other forms -----------------------------------------------------------------------------------


def test_embedded_plots_fit_into_the_flow_s_page(leak_case, tmp_path):
    path = write_stage_report(*leak_case, tmp_path)
    embedded = embed_plots(path.read_text(encoding="utf-8"), tmp_path)
    assert len(embedded.encode()) < 300_000
    assert embedded.count("](data:image/png;base64,") == 3
    assert "](plots/" not in embedded
    images = [
        child
        for token in MarkdownIt("commonmark").enable("table").parse(embedded)
        if token.type == "inline"
        for child in token.children
        if child.type == "image"
    ]
    assert len(images) == 3


def test_what_does_not_fit_stays_as_words(leak_case, tmp_path):
    markdown = write_stage_report(*leak_case, tmp_path).read_text(encoding="utf-8")
    room = len(markdown.encode()) + 60_000
    embedded = embed_plots(markdown, tmp_path, max_bytes=room)
    assert len(embedded.encode()) <= room + 1_000
    assert 0 < embedded.count("data:image/png") < 3
    assert "first breach at step 1,850 (`plots/" in embed_plots(markdown, tmp_path, max_bytes=0)
    (tmp_path / "plots" / "overview.png").unlink()
    assert "(`plots/overview.png`)" in embed_plots(markdown, tmp_path)


def test_html_is_one_file_without_scripts_or_links(leak_case, tmp_path):
    judgement, context = leak_case
    html = write_html_report(judgement, context, tmp_path).read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 3
    assert not re.search(r"<script|<link|<a |src=\"(?!data:)|url\(|@import", html)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_html_and_latex_say_what_markdown_says(leak_case):
    judgement, context = leak_case
    html = render_html(judgement, context, ())
    for text in ("2.13e+06", "Mean actor Q within its bound", "actor_encoder_leak", "0.02", "Q4"):
        assert text in html
    latex = render_latex(judgement, context)
    for text in ("2.13e+06", "Mean actor Q within its bound", "88 $\\pm$ 21", "0.0003"):
        assert text in latex
    assert latex.count("\\begin{table}") == latex.count("\\end{table}") == 5


def test_nothing_is_shown_as_none_or_left_unfilled(leak_case, healthy_case):
    for judgement, context in (leak_case, healthy_case):
        for text in (
            render_stage_markdown(judgement, context, ()),
            render_html(judgement, context, ()),
            render_latex(judgement, context),
        ):
            assert not re.search(r"\bNone\b|\{\{|\{%|<<|<%", text)


def test_an_empty_run_still_gets_a_report(build, tmp_path):
    finding = build.finding(
        "tags_logged", "Evidence is logged", None, None, outcome=Outcome.INCONCLUSIVE
    )
    result = build.result(
        Verdict.NO_GO, (finding,), "0 tags were logged.", last_step=None, planned_steps=None,
        inputs=(), not_decided=(), seed=None,
    )  # fmt: skip
    context = build.context(config={}, speed=None, next_stage=None, rerun_command="")
    empty = structs.replace(build.log(), files=())
    path = write_stage_report(Judgement(result=result, log=empty, run_info=None), context, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# NO-GO at 5k: 0 tags were logged\n")
    assert "plots/" not in text


def test_checks_without_evidence_are_folded_away(leak_case):
    judgement, context = leak_case
    plots = draw_stage_plots(judgement.result, judgement.log, context.config)
    markdown = render_stage_markdown(judgement, context, plots)
    (unjudged,) = [f for f in judgement.result.findings if f.unjudged]
    assert unjudged.check not in {plot.check for plot in plots}
    table, _, folded = markdown.partition("1 advisory check could not be judged")
    assert unjudged.title not in table
    assert unjudged.title in folded
    told = "\n".join(result_lines(judgement.result))
    assert unjudged.title not in told
    assert "1 advisory check could not be judged" in told
