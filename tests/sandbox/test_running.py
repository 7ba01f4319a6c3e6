"""The sandbox as a server: its page, how it starts and ends, and its command line."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from airflow_provider_rsvp.sandbox import InputError, Sandbox
from airflow_provider_rsvp.sandbox.graph import seed as graph_seed

pytestmark = pytest.mark.any_airflow


class TestPage:
    def test_shows_calendars_and_mail_and_escapes(self, sandbox, graph, control):
        sandbox.invite(
            service="graph",
            mailbox="alice@contoso.example",
            start="2030-01-02T10:00:00",
            subject="<script>alert(1)</script>",
        )
        client = graph.bearing(graph_seed.ALICE.access_token)
        event_id = sandbox.event_id("graph", "standup")
        client.post(f"/v1.0/me/events/{event_id}/tentativelyAccept", data={"comment": "<b>late</b>"})
        reply = graph.get(f"{sandbox.url}/")
        assert reply.status == 200
        assert reply.headers.get_content_type() == "text/html"
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in reply.text
        assert "&lt;b&gt;late&lt;/b&gt;" in reply.text
        assert "<script>" not in reply.text
        for text in ("Cronofy", "Bitrix24", "Microsoft Graph", "Daily standup", "acc_alice", event_id):
            assert text in reply.text

    def test_other_paths(self, sandbox, graph):
        assert graph.get(f"{sandbox.url}/exchange/x").status == 404


class TestLifecycle:
    def test_two_side_by_side(self, sandbox):
        with Sandbox(limits=False) as other:
            assert other.url != sandbox.url
            assert urllib.request.urlopen(f"{other.url}/sandbox/mail").read() == b"[]"
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{other.url}/sandbox/mail")
        with pytest.raises(RuntimeError, match="not running"):
            other.mail()

    def test_can_start_again(self):
        sandbox = Sandbox()
        for _ in range(2):
            with sandbox:
                assert sandbox.mail() == []

    def test_ends_soon_though_a_request_hangs(self):
        def ask(url):
            with pytest.raises(OSError, match=r"closed|reset"):
                urllib.request.urlopen(url)

        sandbox = Sandbox()
        with sandbox:
            sandbox.faults([{"kind": "hang", "seconds": 60}])
            url = f"{sandbox.url}/cronofy/v1/calendars"
            thread = threading.Thread(target=ask, args=(url,))
            thread.start()
            while not sandbox.requests():
                time.sleep(0.01)
            start = time.monotonic()
        thread.join(5)
        assert not thread.is_alive()
        assert time.monotonic() - start < 5

    def test_stands_alone(self):
        code = (
            "import sys, airflow_provider_rsvp; before = set(sys.modules)\n"
            "import airflow_provider_rsvp.sandbox\n"
            "new = set(sys.modules) - before\n"
            "prefix = 'airflow_provider_rsvp.sandbox'\n"
            "print([name for name in new if name.startswith('airflow') and not name.startswith(prefix)])"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert ended.stdout.strip() == "[]", ended.stderr

    def test_only_on_loopback(self):
        for host in ("0.0.0.0", "192.0.2.1", "example.org"):
            with pytest.raises(InputError, match="loopback"):
                Sandbox(host=host)

    def test_port_in_use(self, sandbox):
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), Sandbox(port=port):
            pass


class TestCommandLine:
    command = (sys.executable, "-m", "airflow_provider_rsvp.sandbox")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_serves_until_it_is_told_to_end(self, number):
        process = subprocess.Popen(
            [*self.command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            lines = []
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], process.stderr.read()
            url = re.search(r"http://127\.0\.0\.1:\d+", lines[0])[0]
            assert urllib.request.urlopen(f"{url}/sandbox/mail").read() == b"[]"
        finally:
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        exports = [line for line in lines if line.startswith("export ")]
        for conn_id in ("CRONOFY_DEFAULT", "BITRIX24_OAUTH", "MSGRAPH_CALENDAR_DELEGATED"):
            line = next(line for line in exports if line.startswith(f"export AIRFLOW_CONN_{conn_id}="))
            (assignment,) = shlex.split(line)[1:]
            connection = json.loads(assignment.partition("=")[2])
            assert connection["host"].startswith(url)

    def test_says_what_is_wrong(self):
        ended = subprocess.run(
            [*self.command, "--host", "0.0.0.0"], capture_output=True, text=True, timeout=60, env=os.environ
        )
        assert ended.returncode == 1
        assert "loopback" in ended.stderr
        assert "Traceback" not in ended.stderr
