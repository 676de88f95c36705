"""The training, top to bottom.

    One process      leadline train quick-rgbd --data.root frames --out runs/first
    After a stop     leadline train --resume runs/first
    Two GPUs         torchrun --nproc-per-node 2 -m leadline train paper-yolov8n --data.root nyu --run.devices 2

There is no hidden randomness: the order of an epoch is a function of (seed, epoch) and the augmentation of a frame one
of (seed, frame, how often it was seen). So the state of a training is its weights, their average, its optimiser and
`Progress`, and a run that was killed ends with the same weights as one that was not.
"""

from pathlib import Path

from lightning_fabric import Fabric
from rich.console import Console

from leadline.errors import TrainingInterrupted
from leadline.options import TrainOptions
from leadline.training.clock import Clock
from leadline.training.learner import Learner, build_learner, save_models, save_state
from leadline.training.plan import Plan, check_names, check_weights, make_plan, start_fabric
from leadline.training.reporting import Reporter
from leadline.training.run_log import RunLog
from leadline.training.step import learning_rate_at, set_training_mode, take_step
from leadline.training.stopping import StopWatch
from leadline.training.synthetic_rooms import with_rooms
from leadline.training.training_data import TrainingData, begin_run, constant_metrics, load_training_data
from leadline.training.validation import ValidationReport, validate


def train(options: TrainOptions, *, console: Console | None = None) -> Path:
    """Train a network by a recipe, or go on with a training.

    Args:
        options: the recipe, the folder, what to resume, the time budget.
        console: to report on; standard error when None.

    Returns:
        The run's folder: options.yaml, split.json, versions.json, metrics.csv, curves.png, tensorboard/, predictions/,
        last.pt (the training state), last.safetensors and best.safetensors (the models).

    Raises:
        LeadlineError: anything that a person can mend; see leadline.errors.
    """
    console = console or Console(stderr=True)
    plan = make_plan(options)
    check_names(plan.recipe)
    check_weights(plan)
    with StopWatch(plan.budget_s) as watch:
        with watch.preparing():
            fabric = start_fabric(plan.recipe.run)
            plan = with_rooms(plan, console)
            data = load_training_data(plan, fabric, console)
            steps = len(data.train) * plan.recipe.optim.epochs
            learner = build_learner(plan, fabric, steps=steps, median_m=data.median_m)
        # Only now: what stops before, a signal or want of weights, leaves no folder that bars the next attempt.
        if fabric.is_global_zero:
            begin_run(plan, data)
        with Reporter(console, steps=learner.steps, speaks=fabric.is_global_zero) as reporter:
            reporter.started(plan, data, learner, device=fabric.device, precision=fabric.strategy.precision.precision)
            run_epochs(plan, fabric, data, learner, watch, reporter)
    return plan.folder


def run_epochs(
    plan: Plan, fabric: Fabric, data: TrainingData, learner: Learner, watch: StopWatch, reporter: Reporter
) -> None:
    """The loop.

    Raises:
        TrainingInterrupted: a signal came; the state is saved.
        TrainingDiverged: the loss is not finite any more; the last good weights are kept.
    """
    recipe, progress, codec = plan.recipe, learner.progress, learner.bare.head.codec
    log = RunLog(plan.folder, rows=progress.rows, step=progress.step) if fabric.is_global_zero else None
    clock, report, stop = Clock(), None, None

    for epoch in range(progress.epoch, recipe.optim.epochs):
        set_training_mode(learner.net, learner.bare.encoder, recipe.model)
        clock.resume()
        for batch in data.train.shuffled(epoch, start=progress.batch, options=recipe.data):
            clock.got_data()
            terms = take_step(
                fabric,
                learner.net,
                codec,
                learner.optimizer,
                batch,
                recipe.optim,
                learning_rate=learning_rate_at(progress.step, steps=learner.steps, options=recipe.optim),
                step=progress.step,
                names=data.names(batch),
            )
            if learner.average is not None:
                learner.average.update(progress.step)
            progress.add_step(terms)
            clock.stepped(images=len(batch.frames) * fabric.world_size)
            reporter.stepped(step=progress.step, epoch=epoch, loss=sum(terms.values()), images_per_s=clock.images_per_s)

            watch.expect_close(frames=data.validation_share, seconds_per_frame=clock.seconds / clock.images)
            stop = watch.reason(fabric)
            if stop or clock.saving_is_due(recipe.run.save_every_s):
                with clock.saving():
                    save_state(plan, fabric, learner)
            if stop:
                break
        if stop:
            break

        progress.epoch, progress.batch = epoch + 1, 0
        is_last = epoch + 1 == recipe.optim.epochs
        if is_last or (epoch + 1) % recipe.run.validate_every == 0:
            with watch.measuring_close():
                report = _validate(plan, fabric, data, learner)
                _record(report, plan, fabric, data, learner, clock, log, reporter)
                with clock.saving():
                    save_state(plan, fabric, learner)
            clock.reset()
            stop = None if is_last else watch.reason(fabric)
            if stop:
                break

    if stop == "signal":
        raise TrainingInterrupted(
            f"stopped at step {progress.step} of {learner.steps} and saved; "
            f"go on with: leadline train --resume {plan.folder}"
        )
    # After a whole epoch the last report is that of these weights; in the middle of one it is not.
    if report is None or progress.batch > 0:
        report = _validate(plan, fabric, data, learner)
        save_models(plan, fabric, data, learner, report.metrics, is_best=progress.best_epoch < 0)
    if log is not None:
        log.close()
    if stop:
        reporter.say(
            f"the time budget ended at step {progress.step} of {learner.steps}; --resume {plan.folder} goes on"
        )
    constant = constant_metrics(data.store, data.validation.indices, depth_m=data.median_m)
    reporter.finished(report.metrics, constant, folder=str(plan.folder))


def _validate(plan: Plan, fabric: Fabric, data: TrainingData, learner: Learner) -> ValidationReport:
    recipe = plan.recipe
    with learner.model_weights():
        return validate(
            fabric,
            learner.net,
            learner.bare.head.codec,
            data.validation,
            loss_weights=recipe.optim.loss,
            pictures=recipe.run.pictures,
        )


def _record(
    report: ValidationReport,
    plan: Plan,
    fabric: Fabric,
    data: TrainingData,
    learner: Learner,
    clock: Clock,
    log: RunLog | None,
    reporter: Reporter,
) -> None:
    """What a validation leaves behind: models, a line of the log, pictures, warnings."""
    progress, optim = learner.progress, plan.recipe.optim
    progress.seconds += clock.seconds
    terms = progress.mean_terms(fabric)  # every process takes part
    row = {
        "epoch": float(progress.epoch),
        "step": float(progress.step),
        "samples": float(progress.step * optim.batch_size),
        "learning_rate": learning_rate_at(progress.step - 1, steps=learner.steps, options=optim),
        "train_loss": sum(terms.values()),
        "val_loss": report.loss,
        **{f"val_{name}": getattr(report.metrics, name) for name in _LOGGED_METRICS},
        "val_flatness": report.median_flatness,
        "images_per_s": clock.images_per_s,
        "data_share": clock.data_share,
        "seconds": progress.seconds,
    }
    is_best = report.metrics.rel < progress.best_rel
    if is_best:
        progress.best_rel, progress.best_epoch = report.metrics.rel, progress.epoch
    save_models(plan, fabric, data, learner, report.metrics, is_best=is_best)
    if log is not None:
        log.add(row, terms)
        log.write_pictures(progress.epoch, report.pictures)
    progress.start_next_row()
    reporter.validated(row, epochs=optim.epochs, left_s=(learner.steps - progress.step) * clock.seconds_per_step)
    if report.flat_warning:
        reporter.say(report.flat_warning, style="yellow")


_LOGGED_METRICS = ("rel", "rms", "log10", "delta1", "delta2", "delta3", "silog")
