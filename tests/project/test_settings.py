"""Settings: the sources of a value, their precedence, and the error for a bad one."""

import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lamina.errors import SettingError, UnknownNameError
from lamina.settings import available_cpus, settings

module = sys.modules["lamina.settings"]  # `lamina.settings` is the object, not its module

VARIABLES = [row.variable for row in settings.rows()]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


class TestOrder:
    def test_default(self):
        assert settings.debug == 0
        assert settings.engine == "llvm"
        assert settings.check is False
        assert settings.data is None

    def test_environment_is_read_each_time(self, monkeypatch):
        monkeypatch.setenv("LAMINA_DEBUG", "2")
        assert settings.debug == 2
        monkeypatch.setenv("LAMINA_DEBUG", "4")
        assert settings.debug == 4

    def test_empty_variable_means_the_default(self, monkeypatch):
        monkeypatch.setenv("LAMINA_THREADS", "")
        assert settings.threads == available_cpus()

    def test_assignment_beats_environment(self, monkeypatch):
        monkeypatch.setenv("LAMINA_DEBUG", "2")
        settings.debug = 5
        try:
            assert settings.debug == 5
        finally:
            del settings.debug
        assert settings.debug == 2

    def test_with_beats_assignment_and_ends(self):
        settings.debug = 5
        try:
            with settings(debug=3, check=True):
                assert (settings.debug, settings.check) == (3, True)
                with settings(debug=1):
                    assert (settings.debug, settings.check) == (1, True)
                assert settings.debug == 3
            assert settings.debug == 5
        finally:
            del settings.debug

    def test_with_ends_after_an_exception(self):
        with pytest.raises(KeyError), settings(debug=3):
            raise KeyError
        assert settings.debug == 0

    def test_with_holds_for_its_thread_only(self):
        seen = []
        with settings(debug=3):
            thread = threading.Thread(target=lambda: seen.append(settings.debug))
            thread.start()
            thread.join()
        assert seen == [0]


class TestReading:
    @pytest.mark.parametrize(
        ("variable", "text", "name", "value"),
        [
            ("LAMINA_DEBUG", "6", "debug", 6),
            ("LAMINA_CHECK", "1", "check", True),
            ("LAMINA_COMPARE", "off", "compare", ""),
            ("LAMINA_COMPARE", "1", "compare", "numpy"),
            ("LAMINA_COMPARE", "xla", "compare", "xla"),
            ("LAMINA_ENGINE", "NumPy", "engine", "numpy"),
            ("LAMINA_THREADS", "3", "threads", 3),
            ("LAMINA_CACHE", "no", "cache", False),
            ("LAMINA_CACHE_LIMIT", "500MB", "cache_limit", 500_000_000),
            ("LAMINA_CACHE_LIMIT", "1.5 gb", "cache_limit", 1_500_000_000),
            ("LAMINA_CACHE_LIMIT", "12", "cache_limit", 12),
            ("LAMINA_DATA", "/somewhere", "data", Path("/somewhere")),
            ("LAMINA_TIMEOUT", "2.5", "timeout", 2.5),
        ],
    )
    def test_text(self, monkeypatch, variable, text, name, value):
        monkeypatch.setenv(variable, text)
        assert getattr(settings, name) == value

    @pytest.mark.parametrize(
        ("variable", "text", "name", "expected"),
        [
            ("LAMINA_DEBUG", "7", "debug", "a whole number from 0 to 6"),
            ("LAMINA_DEBUG", "loud", "debug", "a whole number from 0 to 6"),
            ("LAMINA_THREADS", "0", "threads", "a whole number from 1"),
            ("LAMINA_CHECK", "maybe", "check", "1 or 0"),
            ("LAMINA_ENGINE", "xlx", "engine", "one of 'llvm', 'numpy'"),
            ("LAMINA_CACHE_LIMIT", "much", "cache_limit", "a size such as"),
            ("LAMINA_TIMEOUT", "-1", "timeout", "a number of seconds above 0"),
        ],
    )
    def test_bad_text_names_variable_value_and_hint(
        self, monkeypatch, variable, text, name, expected
    ):
        monkeypatch.setenv(variable, text)
        with pytest.raises(SettingError) as caught:
            getattr(settings, name)
        assert f"environment variable {variable} is {text!r}, expected {expected}" in str(
            caught.value
        )
        assert variable in caught.value.hint

    def test_bad_value_in_with_changes_nothing(self):
        with pytest.raises(SettingError, match="'debug' is 9"), settings(check=True, debug=9):
            pass
        assert settings.check is False

    @pytest.mark.parametrize("value", [1.5, None, [1]])
    def test_bad_types(self, value):
        with pytest.raises(SettingError, match="whole number"):
            settings.threads = value

    def test_unknown_name(self):
        with pytest.raises(UnknownNameError, match="did you mean 'threads'"), settings(thread=1):
            pass
        with pytest.raises(UnknownNameError, match="did you mean 'debug'"):
            settings.debgu = 1

    def test_home_is_expanded(self):
        with settings(cache_dir="~/there"):
            assert settings.cache_dir == Path.home() / "there"


class TestMachine:
    def test_threads_are_the_cpus_we_may_use(self):
        assert 1 <= settings.threads <= 4096

    @pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
    def test_affinity_counts(self):
        code = (
            "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
            "from lamina.settings import settings; print(settings.threads)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "1", done.stderr

    @pytest.mark.parametrize(
        ("files", "quota"),
        [
            ({"cpu.max": "150000 100000"}, 1.5),
            ({"cpu.max": "max 100000"}, math.inf),
            ({"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}, 2.0),
            ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, math.inf),
            ({"cpu.max": "nonsense"}, math.inf),
            ({}, math.inf),
        ],
    )
    def test_quota(self, tmp_path, files, quota):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        assert module._quota_of(tmp_path) == quota

    def test_control_groups_around_ours_count(self, tmp_path):
        membership = tmp_path / "cgroup"
        membership.write_text("4:cpu,cpuacct:/outer/inner\n3:memory:/other\n0::/service/job\n")
        groups = {
            str(each.relative_to(tmp_path)) for each in module._control_groups(membership, tmp_path)
        }
        assert groups == {".", "cpu", "cpu/outer/inner", "cpu/outer", "service/job", "service"}

    @pytest.mark.parametrize(
        ("platform", "variable", "end"),
        [
            ("linux", "XDG_CACHE_HOME", "base/lamina"),
            ("win32", "LOCALAPPDATA", "base/lamina"),
            ("darwin", "", "Library/Caches/lamina"),
        ],
    )
    def test_cache_folder_of_each_platform(self, monkeypatch, platform, variable, end):
        monkeypatch.setattr(module.sys, "platform", platform)
        if variable:
            monkeypatch.setenv(variable, "/base")
        assert settings.cache_dir.as_posix().endswith(end)


def test_the_table_shows_itself():
    text = repr(settings)
    for row in settings.rows():
        assert row.variable in text
        assert row.__doc__ in text


def test_settings_need_no_numpy():
    code = "import sys, lamina.settings; print('numpy' in sys.modules)"
    source = str(Path(module.__file__).parents[1])
    bare = (
        f"import sys, types; sys.path.insert(0, {source!r}); "
        "package = types.ModuleType('lamina'); "
        f"package.__path__ = [{str(Path(source) / 'lamina')!r}]; sys.modules['lamina'] = package; "
    )
    done = subprocess.run([sys.executable, "-c", bare + code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
