package result

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// report has a row of each kind.
func report() *Report {
	r := &Report{
		Began: time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC), Source: "v1-2-g123", Size: "full", Versions: map[string]string{"Node": "v20", "Go": "1.26"},
		Machine: Machine{Processor: "CPU <A> & B", Cores: 2, Kernel: "Linux 6", Memory: 4 << 30, Filesystem: "ext4"},
	}
	w := r.Work("durable", "as usual")
	w.Contenders = []*Contender{
		{Name: "whipper", Kind: Ours, Turns: []Figures{{Rate: 20000}, {Rate: 24000}, {Rate: 22000}}},
		{Name: "Slow & <Safe>", Kind: Peer, Version: "1.2", Settings: "a | b", Guarantee: "fsync", Turns: []Figures{{Rate: 1000}, {Rate: 1000}, {Rate: 1000}}},
		{Name: "fast", Kind: Peer, Turns: []Figures{{Rate: 44000}, {Rate: 44000}, {Rate: 44000}}},
		{Name: "absent", Kind: Peer, Skipped: "no Redis\nhere"},
		{Name: "pipes", Kind: Floor, Turns: []Figures{{Rate: 80000}, {Rate: 80000}, {Rate: 80000}}},
	}
	w.Hold("whipper", Rate, 20000)
	w.Compare("whipper", Rate, "Slow & <Safe>", 25)
	w.Compare("whipper", Rate, "fast", 0)
	w.Compare("whipper", Rate, "absent", 1.3)
	w.Compare("whipper", Rate, "pipes", 0)
	return r
}

func TestTheTableHasARowForEachComparison(t *testing.T) {
	table, err := report().Markdown()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| durable | 22,000/s |  |  |  | ≥ 20,000/s | met |",
		"| durable | 22,000/s | Slow & <Safe> | 1,000/s | 22× | ≥ 25× | **missed** |",
		"| durable | 22,000/s | fast | 44,000/s | 0.5× |  |  |",
		"| durable | 22,000/s | absent | skipped: no Redis here |  | ≥ 1.3× | not run |",
		"| durable | 22,000/s | pipes | 80,000/s | 0.275× |  |  |",
		"CPU <A> & B, 2 cores, 4.0 GiB of memory, Linux 6, ext4, source v1-2-g123, full sizes, 2026-05-04.",
		"- Go: 1.26\n- Node: v20",
		"| durable | as usual |",
		`| Slow & <Safe> | 1.2 | a \| b | fsync |`,
	} {
		if !strings.Contains(table, row+"\n") {
			t.Errorf("there is no %q in\n%s", row, table)
		}
	}
	if targets, others, _ := strings.Cut(table, "### Other figures"); !strings.Contains(targets, "| absent |") || !strings.Contains(others, "| pipes |") {
		t.Errorf("rows are in the wrong table:\n%s", table)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	wrote := report()
	if err := wrote.WriteJSON(path); err != nil {
		t.Fatal(err)
	}
	read, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := wrote.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Markdown()
	if err != nil || got != want {
		t.Errorf("%v\n%s\nis not\n%s", err, got, want)
	}
	if turns := read.Works[0].Contenders[0].Turns; !reflect.DeepEqual(turns, wrote.Works[0].Contenders[0].Turns) {
		t.Errorf("the turns are %v", turns)
	}
}

func TestTheChartHasABarForEachPeerThatRan(t *testing.T) {
	chart, err := report().SVG()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	bars := map[string]int{} // by colour
	decoder := xml.NewDecoder(bytes.NewReader(chart))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
		switch token := token.(type) {
		case xml.CharData:
			texts = append(texts, strings.TrimSpace(string(token)))
		case xml.StartElement:
			for _, a := range token.Attr {
				if token.Name.Local == "rect" && a.Name.Local == "fill" {
					bars[a.Value]++
				}
			}
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{"durable · Slow & <Safe>\n", "22×", "durable · fast\n", "0.5×", "CPU <A> & B, 2 cores"} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %q in the chart's texts:\n%s", want, all)
		}
	}
	if bars["#2da44e"] != 1 || bars["#cf222e"] != 1 || strings.Contains(all, "absent") || strings.Contains(all, "pipes") {
		t.Errorf("bars by colour: %v; texts:\n%s", bars, all)
	}
	if again, _ := report().SVG(); !bytes.Equal(again, chart) {
		t.Error("the same report gives another chart")
	}
}

func TestAReportWithoutPeersHasAChartToo(t *testing.T) {
	chart, err := (&Report{}).SVG()
	if err != nil || xml.Unmarshal(chart, new(struct{})) != nil {
		t.Errorf("%v\n%s", err, chart)
	}
}

func TestATableIsPublishedInPlaceOfTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("# Page\n\n"+tableBegins+tableEnds+"\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"first", "second"} {
		if err := Publish(path, table, []byte("<svg/>")); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	want := "# Page\n\n" + tableBegins + "\n![How many times as fast as its peers whipper is](page.svg)\n\nsecond\n\n" + tableEnds + "\nend\n"
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
	if chart, err := os.ReadFile(strings.TrimSuffix(path, ".md") + ".svg"); err != nil || string(chart) != "<svg/>" {
		t.Errorf("%v %s", err, chart)
	}
	if err := os.WriteFile(path, []byte("# Page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Publish(path, "third", nil); err == nil || !strings.Contains(err.Error(), "no place for the table") {
		t.Errorf("%v", err)
	}
}

func TestTheFilesystemIsThatOfTheNearestMount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mounts")
	if err := os.WriteFile(path, []byte("/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpx xfs rw 0 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"/var": "ext4", "/tmp": "tmpfs", "/tmp/a": "tmpfs", "/tmpx/a": "xfs", "/tmpy": "ext4"} {
		if got := filesystem(path, dir); got != want {
			t.Errorf("%s is on %q, want %q", dir, got, want)
		}
	}
}
