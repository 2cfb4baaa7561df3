"""rudder-sdk-python."""

from rudderstack.analytics.client import Client

from benchmarks.clients.client import drive
from benchmarks.clients.threaded import Threaded

if __name__ == "__main__":
    drive(lambda task: Threaded(task, Client))
