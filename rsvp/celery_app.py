"""Celery application: mail delivery and jobs as tasks, for workers on many machines.

    celery -A rsvp.celery_app worker
    celery -A rsvp.celery_app beat

The tasks say only that it is time to look: what there is to do stands in the database,
so that a broker that loses everything loses nothing. Needs the extra `scale` and the
setting RSVP_CELERY_BROKER_URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from rsvp import broker, create_app, startup
from rsvp.clocks import read_steady_clock
from rsvp.config import UnsafeStart
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.jobs import scheduler
from rsvp.jobs.delivery import pool

JOBS_EVERY = 5.0
DELIVER_EVERY = 5.0
MAILS_PER_TASK = 200
"""How many mails one task sends; then it calls for the next, so that a worker that is
told to stop has soon finished."""

try:
    site = create_app()
    if not site.config["CELERY_BROKER_URL"]:
        raise SystemExit("rsvp: RSVP_CELERY_BROKER_URL is not set")
    with site.app_context():
        startup.verify(writes=True)
        startup.close_database()
except UnsafeStart as refusal:
    raise SystemExit(f"rsvp: {refusal}") from None

celery = broker.make_celery(
    site.config["CELERY_BROKER_URL"],
    # What a worker was at when it died comes to another.
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    beat_scheduler="rsvp.celery_beat:Beat",
    beat_schedule_filename=str(Path(site.instance_path) / "celerybeat-schedule"),
    # One that nobody heard in time is forgotten: the next is on its way.
    beat_schedule={
        "round": {
            "task": "rsvp.round",
            "schedule": JOBS_EVERY,
            "options": {"expires": 2 * JOBS_EVERY},
        },
        "deliver": {
            "task": "rsvp.deliver",
            "schedule": DELIVER_EVERY,
            "options": {"expires": 2 * DELIVER_EVERY},
        },
    },
)


@worker_process_init.connect
def drop_inherited_connections(**_: Any) -> None:
    """Drop the parent's connections in each process that Celery forks."""
    with site.app_context():
        db.engine.dispose(close=False)


@worker_process_shutdown.connect
def close_database_at_exit(**_: Any) -> None:
    """Close the database of such a process at its end."""
    with site.app_context():
        startup.close_database()


@celery.task(name="rsvp.deliver")
def deliver() -> None:
    """Send mails that are due."""
    with site.app_context():
        try:
            report = pool.deliver_due(utcnow(), limit=MAILS_PER_TASK)
        finally:
            db.session.remove()
    if report.tried >= MAILS_PER_TASK:
        deliver.apply_async(expires=broker.TASK_EXPIRES, retry=False)


@celery.task(name="rsvp.round")
def run_jobs() -> None:
    """Run the jobs that are due."""
    with site.app_context():
        try:
            scheduler.run_due_jobs(utcnow(), steady=read_steady_clock())
        finally:
            db.session.remove()
