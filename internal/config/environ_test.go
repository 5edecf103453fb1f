package config

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/supervisor"
)

func TestTheLaterSourceOfAVariableGoesFirst(t *testing.T) {
	own := []string{"OWN=own", "FILE=own", "SECOND=own", "FLAG=own", "HOME=/own"}
	p := Pool{
		EnvFiles:    []string{writeEnvFile(t, "FILE=file\nSECOND=file\nFLAG=file"), writeEnvFile(t, "SECOND=second")},
		Assignments: []string{"FLAG=flag", "TWICE=1", "TWICE=2"},
	}
	for _, clean := range []bool{false, true} {
		p.CleanEnv = clean
		got, err := p.Environ(own)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"FILE=file", "FLAG=flag", "HOME=/own", "OWN=own", "SECOND=second", "TWICE=2"}
		if clean {
			want = slices.DeleteFunc(want, func(v string) bool { return v == "OWN=own" })
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("clean %t:\n%s", clean, d)
		}
	}
}

func TestWhatConfiguresTheSupervisorIsNotPassedOn(t *testing.T) {
	own := []string{
		"WHIPPER_HTTP=127.0.0.1:9090", "WHIPPER_HTTP_HOST=a", "WHIPPER_HTTP_TOKEN=secret", "WHIPPER_HTTP_TOKEN_FILE=/token", "WHIPPER_LISTEN=tcp://:80",
		"WHIPPER_SOCKET=/s", "WHIPPER_DIR=/d", "WHIPPER_WORKER_LOG=/log", "WHIPPER_READY_FD=3", "WHIPPER_EPHEMERAL=1", "WHIPPER_MAX_WORKERS=9",
		"WHIPPER_ENV=SECRET=1", "WHIPPER_THREADS=4", "WHIPPER_BIN=/bin/whipper",
	}
	got, err := (&Pool{Assignments: []string{"WHIPPER_MAX_WORKERS=2"}}).Environ(own)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"WHIPPER_THREADS=4", "WHIPPER_BIN=/bin/whipper", "WHIPPER_MAX_WORKERS=2"}, got); d != "" {
		t.Error(d)
	}
}

func TestACleanEnvironmentHasOnlyWhatIsListed(t *testing.T) {
	own := []string{
		"PATH=1", "HOME=1", "USER=1", "LOGNAME=1", "SHELL=1", "LANG=1", "LANGUAGE=1", "LC_ALL=1", "LC_TIME=1", "TZ=1", "TMPDIR=1",
		"AWS_SECRET_ACCESS_KEY=1", "PATHS=1", "LC=1", "LD_PRELOAD=1", "PYTHONPATH=1", "NODE_OPTIONS=1", "WHIPPER_DIR=1", "LISTEN_FDS=1",
	}
	got, err := (&Pool{CleanEnv: true}).Environ(own)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(own[:11], got); d != "" {
		t.Error(d)
	}
}

func TestANameAloneHasTheValueOfWhippersOwnEnvironment(t *testing.T) {
	t.Setenv("ASKED", "a=b, c")
	t.Setenv("EMPTY", "")
	var p Pool
	v := &Assignments{Items: &p.Assignments}
	for _, given := range []string{"ASKED", "EMPTY", "GIVEN="} {
		if err := v.Set(given); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
	for _, given := range []string{"NO_SUCH_VARIABLE", "=x", ""} {
		if err := v.Set(given); err == nil {
			t.Errorf("%q is accepted", given)
		}
	}
	p.CleanEnv = true
	got, err := p.Environ(os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ASKED=a=b, c", "EMPTY=", "GIVEN="} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	if v.String() != "ASKED, EMPTY, GIVEN" {
		t.Errorf("shown as %q", v)
	}
}

func TestAUserBringsItsHomeUnlessTheFilesOrFlagsSaySo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run workers as another user")
	}
	nobody, err := supervisor.FindAccount("nobody")
	if err != nil {
		t.Skip(err)
	}
	p := Pool{Assignments: []string{"LOGNAME=mine"}}
	p.Process.User = "nobody"
	got, err := p.Environ([]string{"HOME=/root", "USER=root", "LOGNAME=root"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"HOME=" + nobody.Home, "USER=nobody", "LOGNAME=mine"}, got); d != "" {
		t.Error(d)
	}
}
