from contour.cli.serve import _say_ready
from contour.server.serve import Addresses


def test_a_server_that_nobody_can_use_says_how_somebody_can(capsys):
    _say_ready(Addresses(grpc="127.0.0.1:1", metrics="", nobody_has_account=True))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "contour is ready: gRPC on 127.0.0.1:1"
    assert "contour user add" in second
    _say_ready(Addresses(grpc="127.0.0.1:1", metrics="127.0.0.1:2"))
    assert capsys.readouterr().out == "contour is ready: gRPC on 127.0.0.1:1, metrics on http://127.0.0.1:2/metrics\n"
