package discordtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"imaginebot/bots/discord/discordtest"
)

func TestCommandRules(t *testing.T) {
	long := strings.Repeat("x", 101)
	option := func(o string) string {
		return `[{"name":"x","description":"d","options":[` + o + `]}]`
	}
	repeat := func(n int, format string) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(format, i))
		}
		return strings.Join(parts, ",")
	}
	for name, test := range map[string]struct {
		commands string
		ok       bool
	}{
		"the usual":             {imagine, true},
		"none":                  {`[]`, true},
		"other scripts":         {`[{"name":"画","description":"d"}]`, true},
		"as discordgo says it":  {`[{"name":"x","description":"d","type":1,"options":[{"type":5,"name":"y","description":"d","channel_types":null,"required":false,"options":null,"autocomplete":false,"choices":null}]}]`, true},
		"upper case":            {`[{"name":"Imagine","description":"d"}]`, false},
		"space":                 {`[{"name":"a b","description":"d"}]`, false},
		"no description":        {`[{"name":"x"}]`, false},
		"long description":      {`[{"name":"x","description":"` + long + `"}]`, false},
		"twice":                 {`[{"name":"x","description":"d"},{"name":"x","description":"d"}]`, false},
		"too many":              {`[` + repeat(101, `{"name":"x%d","description":"d"}`) + `]`, false},
		"menu with text":        {`[{"name":"Edit","type":3,"description":"d"}]`, false},
		"too many in menus":     {`[` + repeat(16, `{"name":"x%d","type":3}`) + `]`, false},
		"option upper case":     {option(`{"type":3,"name":"Y","description":"d"}`), false},
		"option twice":          {option(`{"type":3,"name":"y","description":"d"},{"type":3,"name":"y","description":"d"}`), false},
		"required too late":     {option(`{"type":3,"name":"y","description":"d"},{"type":3,"name":"z","description":"d","required":true}`), false},
		"too many options":      {option(repeat(26, `{"type":3,"name":"y%d","description":"d"}`)), false},
		"too many choices":      {option(`{"type":3,"name":"y","description":"d","choices":[` + repeat(26, `{"name":"c%d","value":"v"}`) + `]}`), false},
		"choices of wrong type": {option(`{"type":4,"name":"y","description":"d","choices":[{"name":"c","value":"v"}]}`), false},
		"choices, autocomplete": {option(`{"type":3,"name":"y","description":"d","autocomplete":true,"choices":[{"name":"c","value":"v"}]}`), false},
		"autocomplete of files": {option(`{"type":11,"name":"y","description":"d","autocomplete":true}`), false},
		"length of numbers":     {option(`{"type":4,"name":"y","description":"d","max_length":5}`), false},
		"range of strings":      {option(`{"type":3,"name":"y","description":"d","max_value":5}`), false},
		"groups":                {option(`{"type":2,"name":"y","description":"d","options":[{"type":1,"name":"z","description":"d","options":[{"type":3,"name":"o","description":"d"}]}]}`), true},
		"groups in groups":      {option(`{"type":2,"name":"y","description":"d","options":[{"type":2,"name":"z","description":"d"}]}`), false},
		"subs in subs":          {option(`{"type":1,"name":"y","description":"d","options":[{"type":1,"name":"z","description":"d"}]}`), false},
		"mixed subcommands":     {option(`{"type":1,"name":"y","description":"d"},{"type":3,"name":"z","description":"d"}`), false},
		"more than 8000":        {option(repeat(20, `{"type":3,"name":"y%d","description":"`+long[:100]+`","choices":[`+repeat(3, `{"name":"`+long[:99]+`%d","value":"`+long[:100]+`"}`)+`]}`)), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, discordtest.Settings{})
			b := connect(t, s, 0)
			a := b.call("PUT", "/applications/"+s.ApplicationID()+"/commands", strings.ReplaceAll(test.commands, "%!d(MISSING)", ""))
			if (a.Status == 200) != test.ok {
				t.Errorf("answered %d %s", a.Status, a.Raw)
			}
			if got := len(s.Violations()); (got == 0) != test.ok {
				t.Errorf("violations %q", s.Violations())
			}
		})
	}
}

func TestCommandScopes(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ctx := within(t)
	zoo := s.Guild("zoo")
	ada := s.User("ada")
	b := connect(t, s, 0)
	b.serving(func(i interaction) { b.call("POST", i.callback(), `{"type":5}`) })
	path := "/applications/" + s.ApplicationID() + "/guilds/" + zoo.ID + "/commands"
	first := b.call("PUT", path, `[{"name":"help","description":"d"}]`)
	again := b.call("PUT", path, `[{"name":"help","description":"other"}]`)
	if string(b.call("GET", path, "").Raw) != string(again.Raw) || len(s.Commands(zoo)) != 1 || len(s.Commands(nil)) != 0 {
		t.Errorf("registered %s", again.Raw)
	}
	var old, now []struct{ ID, Description string }
	b.decode(first.Raw, &old)
	b.decode(again.Raw, &now)
	if old[0].ID != now[0].ID || now[0].Description != "other" {
		t.Errorf("from %+v to %+v: the id stays", old, now)
	}
	for where, ok := range map[*discordtest.Channel]bool{zoo.Channel("cats"): true, s.DM(ada): false, s.Guild("park").Channel("dogs"): false} {
		if _, err := s.Command(ctx, ada, where, "help", nil); (err == nil) != ok {
			t.Errorf("in %q: %v", where.Name, err)
		}
	}
	b.register(`[{"name":"start","description":"d","contexts":[1]},{"name":"stop","description":"d","contexts":[0]}]`)
	for command, ok := range map[string]bool{"start": true, "stop": false} {
		if _, err := s.Command(ctx, ada, s.DM(ada), command, nil); (err == nil) != ok {
			t.Errorf("/%s direct: %v", command, err)
		}
	}
	blameless(t, s)
	if a := b.call("PUT", "/applications/1/commands", `[]`); a.Status != http.StatusForbidden {
		t.Errorf("another's application: %d", a.Status)
	}
}

func TestMessageRules(t *testing.T) {
	button := func(b string) string {
		return `{"components":[{"type":1,"components":[` + b + `]}]}`
	}
	x := func(n int) string { return strings.Repeat("x", n) }
	const good = `{"type":2,"style":1,"label":"l","custom_id":"c%d"}`
	row := func(from int) string {
		var buttons []string
		for i := range 5 {
			buttons = append(buttons, fmt.Sprintf(good, from+i))
		}
		return `{"type":1,"components":[` + strings.Join(buttons, ",") + `]}`
	}
	var rows []string
	for i := range 6 {
		rows = append(rows, row(10*i))
	}
	for name, test := range map[string]struct {
		body string
		code int // 0 is fine
	}{
		"content":                {`{"content":"` + x(2000) + `"}`, 0},
		"content too long":       {`{"content":"` + x(2001) + `"}`, 50035},
		"content as number":      {`{"content":5}`, 50035},
		"nothing":                {`{}`, 50006},
		"only spaces":            {`{"content":"  \n"}`, 50006},
		"embed":                  {`{"embeds":[{"title":"t","description":"` + x(4096) + `","footer":{"text":"f"},"author":{"name":"a"},"fields":[{"name":"n","value":"v","inline":true}]}]}`, 0},
		"description too long":   {`{"embeds":[{"description":"` + x(4097) + `"}]}`, 50035},
		"title too long":         {`{"embeds":[{"title":"` + x(257) + `"}]}`, 50035},
		"footer too long":        {`{"embeds":[{"title":"t","footer":{"text":"` + x(2049) + `"}}]}`, 50035},
		"6000 in all":            {`{"embeds":[{"description":"` + x(3000) + `"},{"description":"` + x(3001) + `"}]}`, 50035},
		"eleven embeds":          {`{"embeds":[` + strings.TrimSuffix(strings.Repeat(`{"title":"t"},`, 11), ",") + `]}`, 50035},
		"empty embed":            {`{"embeds":[{}]}`, 50035},
		"field without value":    {`{"embeds":[{"fields":[{"name":"n","value":" "}]}]}`, 50035},
		"25 buttons":             {`{"components":[` + strings.Join(rows[:5], ",") + `]}`, 0},
		"six rows":               {`{"components":[` + strings.Join(rows, ",") + `]}`, 50035},
		"six in a row":           {button(strings.TrimSuffix(strings.Repeat(`{"type":2,"style":5,"label":"l","url":"https://x.y"},`, 6), ",")), 50035},
		"empty row":              {button(""), 50035},
		"emoji alone":            {button(`{"type":2,"style":1,"emoji":{"name":"🐈"},"custom_id":"c"}`), 0},
		"neither label":          {button(`{"type":2,"style":1,"custom_id":"c"}`), 50035},
		"long label":             {button(`{"type":2,"style":1,"label":"` + x(81) + `","custom_id":"c"}`), 50035},
		"long custom id":         {button(`{"type":2,"style":1,"label":"l","custom_id":"` + x(101) + `"}`), 50035},
		"no custom id":           {button(`{"type":2,"style":1,"label":"l"}`), 50035},
		"custom id twice":        {button(`{"type":2,"style":1,"label":"l","custom_id":"c"},{"type":2,"style":1,"label":"m","custom_id":"c"}`), 50035},
		"link":                   {button(`{"type":2,"style":5,"label":"l","url":"https://x.y"}`), 0},
		"link with id":           {button(`{"type":2,"style":5,"label":"l","url":"https://x.y","custom_id":"c"}`), 50035},
		"url of no link":         {button(`{"type":2,"style":1,"label":"l","url":"https://x.y","custom_id":"c"}`), 50035},
		"button without row":     {`{"components":[{"type":2,"style":1,"label":"l","custom_id":"c"}]}`, 50035},
		"text input":             {button(`{"type":4,"style":1,"label":"l","custom_id":"c"}`), 50035},
		"ephemeral in a channel": {`{"content":"x","flags":64}`, 50035},
		"silent":                 {`{"content":"x","flags":4096}`, 0},
		"V2":                     {`{"flags":32768,"components":[{"type":17,"components":[{"type":10,"content":"text"},{"type":12,"items":[{"media":{"url":"https://x.y/z.png"}}]},{"type":14},{"type":1,"components":[` + fmt.Sprintf(good, 1) + `]},{"type":9,"components":[{"type":10,"content":"s"}],"accessory":{"type":11,"media":{"url":"https://x.y/z.png"}}}]}]}`, 0},
		"V2 with content":        {`{"flags":32768,"content":"x","components":[{"type":10,"content":"text"}]}`, 50035},
		"V2 without the flag":    {`{"components":[{"type":10,"content":"text"}]}`, 50035},
		"V2, wrong child":        {`{"flags":32768,"components":[{"type":17,"components":[{"type":2,"style":1,"label":"l","custom_id":"c"}]}]}`, 50035},
		"long nonce":             {`{"content":"x","nonce":"` + x(26) + `"}`, 50035},
		"reply to nothing":       {`{"content":"x","message_reference":{"message_id":"1"}}`, 50035},
		"unless it may":          {`{"content":"x","message_reference":{"message_id":"1","fail_if_not_exists":false}}`, 0},
		"parse and list":         {`{"content":"x","allowed_mentions":{"parse":["users"],"users":["1"]}}`, 50035},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, discordtest.Settings{})
			b := connect(t, s, intents)
			cats := s.Guild("zoo").Channel("cats")
			a := b.call("POST", "/channels/"+cats.ID+"/messages", test.body)
			if (test.code == 0) != (a.Status == 200) || a.Code != test.code {
				t.Errorf("answered %d %d: %s", a.Status, a.Code, a.Raw)
			}
			if test.code == 0 {
				b.next("MESSAGE_CREATE")
				blameless(t, s)
			}
		})
	}
}

func TestPings(t *testing.T) {
	s := start(t, discordtest.Settings{})
	zoo := s.Guild("zoo")
	cats := zoo.Channel("cats")
	ada, eve, role := s.User("ada"), s.User("eve"), zoo.Role("keepers")
	if _, err := s.Say(ada, cats, discordtest.Words{Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	b := connect(t, s, 0)
	seen := 0
	for _, test := range []struct{ name, body, violation string }{
		{"nobody", `{"content":"hi @everyone <@` + eve.ID + `> <@&` + role + `>","allowed_mentions":{"parse":[]}}`, ""},
		{"who asked", `{"content":"<@` + ada.ID + `>","allowed_mentions":{"parse":[],"users":["` + ada.ID + `"]}}`, ""},
		{"in an embed", `{"embeds":[{"description":"@everyone <@` + eve.ID + `>"}]}`, ""},
		{"who did not", `{"content":"<@` + eve.ID + `>","allowed_mentions":{"parse":["users"]}}`, "eve"},
		{"by default", `{"content":"<@!` + eve.ID + `>"}`, "eve"},
		{"everyone", `{"content":"@everyone"}`, "everyone"},
		{"here", `{"content":"@here","allowed_mentions":{"parse":["everyone"]}}`, "everyone"},
		{"a role", `{"content":"<@&` + role + `>","allowed_mentions":{"roles":["` + role + `"]}}`, "keepers"},
		{"in a V2 text", `{"flags":32768,"components":[{"type":10,"content":"<@` + eve.ID + `>"}]}`, "eve"},
	} {
		a := b.call("POST", "/channels/"+cats.ID+"/messages", test.body)
		if a.Status != 200 {
			t.Errorf("%s: %s", test.name, a.Raw)
		}
		got := s.Violations()[seen:]
		seen += len(got)
		if test.violation == "" && len(got) != 0 || test.violation != "" && (len(got) != 1 || !strings.Contains(got[0], test.violation)) {
			t.Errorf("%s: violations %q", test.name, got)
		}
	}
}

func TestChannelMessages(t *testing.T) {
	s := start(t, discordtest.Settings{})
	ada, zoo := s.User("ada"), s.Guild("zoo")
	cats := zoo.Channel("cats")
	b := connect(t, s, intents)
	messages := "/channels/" + cats.ID + "/messages"

	said, err := s.Say(ada, cats, discordtest.Words{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	one := b.call("POST", messages, `{"content":"x","nonce":"n","enforce_nonce":true,"message_reference":{"message_id":"`+said.ID+`"}}`)
	two := b.call("POST", messages, `{"content":"x","nonce":"n","enforce_nonce":true}`)
	three := b.call("POST", messages, `{"content":"x","nonce":"n"}`)
	if one.JSON["id"] != two.JSON["id"] || one.JSON["id"] == three.JSON["id"] {
		t.Errorf("nonces made %v, %v and %v", one.JSON["id"], two.JSON["id"], three.JSON["id"])
	}
	seen := s.Messages(cats, ada)
	if len(seen) != 3 || seen[1].ReplyTo != said.ID || len(seen[1].Mentions) != 1 || seen[1].Mentions[0] != ada {
		t.Errorf("ada sees %+v", seen)
	}
	own := fmt.Sprint(one.JSON["id"])
	for _, test := range []struct {
		method, path, body string
		status, code       int
	}{
		{"GET", messages, "", 200, 0},
		{"GET", messages + "/" + own, "", 200, 0},
		{"GET", messages + "/1", "", 404, 10008},
		{"PATCH", messages + "/" + own, `{"content":"y"}`, 200, 0},
		{"PATCH", messages + "/" + said.ID, `{"content":"y"}`, 403, 50005},
		{"DELETE", messages + "/" + said.ID, "", 403, 50013},
		{"DELETE", messages + "/" + own, "", 204, 0},
		{"DELETE", messages + "/" + own, "", 404, 10008},
		{"POST", "/channels/" + cats.ID + "/typing", "", 204, 0},
		{"GET", "/channels/" + cats.ID, "", 200, 0},
		{"GET", "/channels/1", "", 404, 10003},
		{"POST", "/users/@me/channels", `{"recipient_id":"` + ada.ID + `"}`, 200, 0},
		{"GET", "/channels/" + s.DM(ada).ID, "", 200, 0},
		{"GET", "/users/@me", "", 200, 0},
		{"GET", "/applications/@me", "", 200, 0},
		{"GET", "/oauth2/applications/@me", "", 200, 0},
		{"GET", "/gateway", "", 200, 0},
		{"GET", "/gateway/bot", "", 200, 0},
	} {
		if a := b.call(test.method, test.path, test.body); a.Status != test.status || a.Code != test.code {
			t.Errorf("%s %s: %d %d, want %d %d: %s", test.method, test.path, a.Status, a.Code, test.status, test.code, a.Raw)
		}
	}
	if cats.Typed() != 1 {
		t.Errorf("typed %d times", cats.Typed())
	}
	b.next("MESSAGE_UPDATE")
	b.next("MESSAGE_DELETE")

	cats.SetAppPermissions(discordtest.PermissionViewChannel)
	if a := b.call("POST", messages, `{"content":"x"}`); a.Code != 50013 {
		t.Errorf("not allowed to send: %d", a.Code)
	}
	cats.SetAppPermissions(discordtest.PermissionViewChannel | discordtest.PermissionSendMessages)
	if a := b.upload("POST", messages, "", picture); a.Code != 50013 {
		t.Errorf("not allowed to attach: %d", a.Code)
	}
	cats.SetAppPermissions(0)
	if a := b.call("POST", messages, `{"content":"x"}`); a.Code != 50001 {
		t.Errorf("not allowed to see: %d", a.Code)
	}
	cats.Delete()
	if a := b.call("POST", messages, `{"content":"x"}`); a.Code != 10003 {
		t.Errorf("a channel that is gone: %d", a.Code)
	}
	ada.CloseDMs()
	if a := b.call("POST", "/channels/"+s.DM(ada).ID+"/messages", `{"content":"x"}`); a.Code != 50007 {
		t.Errorf("closed direct messages: %d", a.Code)
	}
	blameless(t, s)
	if a := b.call("POST", "/users/@me/channels", `{"recipient_id":"5"}`); a.Code != 50033 {
		t.Errorf("nobody to write to: %d", a.Code)
	}
	if a := b.call("GET", "/guilds/1", ""); a.Status != 404 {
		t.Errorf("no such route: %d", a.Status)
	}
	if got := len(s.Violations()); got != 2 {
		t.Errorf("violations %q", s.Violations())
	}
}

func TestAuthorization(t *testing.T) {
	s := start(t, discordtest.Settings{})
	for _, authorization := range []string{"", "Bot wrong", token} {
		request, err := http.NewRequest("GET", s.URL()+"/api/v10/users/@me", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", authorization, response.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if got := len(s.Violations()); got != 3 {
		t.Errorf("violations %q", s.Violations())
	}
}

// What a bot may read of a message depends on its intents, on where it was said and on whom it mentions.
func TestSay(t *testing.T) {
	const guildMessages, directMessages = 1 << 9, 1 << 12
	for name, test := range map[string]struct {
		intents int
		direct  bool
		text    func(bot string) string
		reply   bool
		want    string // content; "-" is no event at all
	}{
		"in a guild":         {guildMessages, false, func(string) string { return "hello" }, false, ""},
		"with the intent":    {guildMessages | discordtest.IntentMessageContent, false, func(string) string { return "hello" }, false, "hello"},
		"mentioning the bot": {guildMessages, false, func(b string) string { return b + " hello" }, false, "<@BOT> hello"},
		"replying to it":     {guildMessages, false, func(string) string { return "bluer" }, true, "bluer"},
		"direct":             {directMessages, true, func(string) string { return "hello" }, false, "hello"},
		"no intent, guild":   {directMessages, false, func(string) string { return "hello" }, false, "-"},
		"no intent, direct":  {guildMessages, true, func(string) string { return "hello" }, false, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, discordtest.Settings{Privileged: discordtest.IntentMessageContent})
			b := connect(t, s, test.intents)
			ada, where := s.User("ada"), s.Guild("zoo").Channel("cats")
			if test.direct {
				where = s.DM(ada)
			}
			words := discordtest.Words{Text: test.text(s.Bot().Mention()), Files: []discordtest.File{picture}}
			if test.reply {
				b.call("POST", "/channels/"+where.ID+"/messages", `{"content":"a cat"}`)
				b.next("MESSAGE_CREATE")
				words.ReplyTo = &s.Messages(where, ada)[0]
			}
			if _, err := s.Say(ada, where, words); err != nil {
				t.Fatal(err)
			}
			s.AskHeartbeat() // comes after the event, if there is one
			p, err := b.read()
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "-" {
				if p.T != "" {
					t.Errorf("got %s", p.T)
				}
				return
			}
			var m struct {
				Content     string
				Attachments []any
				Referenced  *struct{ Content string } `json:"referenced_message"`
			}
			b.decode(p.D, &m)
			want := strings.ReplaceAll(test.want, "<@BOT>", s.Bot().Mention())
			if m.Content != want || (len(m.Attachments) == 1) != (want != "") {
				t.Errorf("read %+v", m)
			}
			if test.reply && (m.Referenced == nil || m.Referenced.Content != "a cat") {
				t.Errorf("the message replied to: %+v", m.Referenced)
			}
			blameless(t, s)
		})
	}
}

func TestTrouble(t *testing.T) {
	s := start(t, discordtest.Settings{})
	b := connect(t, s, 0)
	cats := s.Guild("zoo").Channel("cats")
	path := "/channels/" + cats.ID + "/messages"
	match := discordtest.Match{Method: "POST", Path: "/channels/*/messages"}
	post := func() (answer, error) { return b.try("POST", path, "application/json", []byte(`{"content":"x"}`)) }
	count := func() int { return len(s.Messages(cats, s.User("ada"))) }

	s.Script(match, discordtest.RateLimited(1500*time.Millisecond, true), 1)
	a, err := post()
	if err != nil || a.Status != 429 || a.JSON["retry_after"] != 1.5 || a.JSON["global"] != true || a.Headers.Get("Retry-After") != "2" || a.Headers.Get("X-RateLimit-Global") != "true" {
		t.Errorf("limited: %v %+v", err, a)
	}
	s.Script(match, discordtest.Refused(50013), 1)
	if a, err := post(); err != nil || a.Status != 403 || a.Code != 50013 {
		t.Errorf("refused: %v %+v", err, a)
	}
	s.Script(match, discordtest.ServerError(500), 1)
	if a, err := post(); err != nil || a.Status != 500 {
		t.Errorf("failed: %v %+v", err, a)
	}
	s.Script(match, discordtest.DropBefore(), 1)
	if _, err := post(); err == nil || count() != 0 {
		t.Errorf("dropped before: %v, %d messages", err, count())
	}
	s.Script(match, discordtest.DropAfter(), 1)
	if _, err := post(); err == nil || count() != 1 {
		t.Errorf("dropped after: %v, %d messages", err, count())
	}
	s.Script(match, discordtest.Slow(30*time.Millisecond), 1)
	begun := time.Now()
	if a, err := post(); err != nil || a.Status != 200 || time.Since(begun) < 30*time.Millisecond {
		t.Errorf("slow: %v %+v after %v", err, a, time.Since(begun))
	}
	always := s.Script(discordtest.Match{}, discordtest.BadGateway(), -1)
	for range 3 {
		if a, err := post(); err != nil || a.Status != 502 {
			t.Errorf("always: %v %+v", err, a)
		}
	}
	always.Stop()
	if a, err := post(); err != nil || a.Status != 200 || always.Hits() != 3 {
		t.Errorf("after all: %v %+v, %d hits", err, a, always.Hits())
	}
	var troubles []string
	for _, r := range s.Requests() {
		if r.Trouble != "" {
			troubles = append(troubles, r.Trouble)
		}
	}
	if got := strings.Join(troubles, ", "); got != "429, code 50013, 500, dropped before, dropped after, slow, 502, 502, 502" {
		t.Errorf("logged %s", got)
	}
	blameless(t, s)
}

// Someone who waits learns of the end.
func TestCloseEndsWaiting(t *testing.T) {
	s := start(t, discordtest.Settings{})
	result := make(chan error, 1)
	go func() {
		_, err := s.WaitMessage(t.Context(), s.Guild("zoo").Channel("cats"), func(discordtest.Message) bool { return false })
		result <- err
	}()
	connect(t, s, 0)
	s.Close()
	s.Close()
	if err := <-result; err == nil {
		t.Error("no error")
	}
}
