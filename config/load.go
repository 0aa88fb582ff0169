package config

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Load reads the settings from environ, as [os.Environ] gives it, and from the file
// dotenv, and checks them; environ wins. No file of that name, or no name, is fine.
//
// The error is nil or [Problems]. The Config that comes with Problems holds what
// could be read, for whoever needs a few settings only, and its Warnings, which
// often explain the Problems.
func Load(environ []string, dotenv string) (Config, error) {
	var problems Problems
	file := readDotenv(dotenv, &problems)
	set := variables(environ)

	var c Config
	c.foreign = foreign(file, set)
	merged := maps.Clone(file)
	maps.Copy(merged, set)

	parse(&c, merged, &problems)
	c.settle()
	// The parser takes an empty variable for an unset one.
	if addr, ok := merged["HTTP_ADDR"]; ok && addr == "" {
		c.HTTPAddr = ""
	}

	for _, found := range c.Validate() {
		problems.addMend(found.Variable, found.Wrong, found.Mend)
	}
	problems.sort()
	c.Warnings = append(nearMisses(file), c.warnings()...)
	if len(problems) == 0 {
		return c, nil
	}
	for n := range problems {
		problems[n].Wrong = c.mask(problems[n].Wrong)
	}
	return c, problems
}

// LoadLog reads the LOG_ settings alone, for a program that takes no others.
func LoadLog(environ []string) (Log, error) {
	var problems Problems
	var l Log
	parse(&l, variables(environ), &problems)
	l.checkFormat(&problems)
	if len(problems) == 0 {
		return l, nil
	}
	return l, problems
}

// settle gives the addresses that paths are put behind no slash at their end, and
// fills the one whose default is another setting.
func (c *Config) settle() {
	for _, u := range []*url.URL{c.DiscordAPI, c.TelegramAPI, c.TelegramFiles, c.API302} {
		if u != nil {
			u.Path = strings.TrimRight(u.Path, "/")
			u.RawPath = strings.TrimRight(u.RawPath, "/")
		}
	}
	if c.TelegramFiles == nil {
		c.TelegramFiles = c.TelegramAPI.JoinPath("file")
	}
}

// parse fills the tagged fields of target from vars.
func parse(target any, vars map[string]string, problems *Problems) {
	err := env.ParseWithOptions(target, env.Options{
		Environment: vars,
		FuncMap:     map[reflect.Type]env.ParserFunc{reflect.TypeFor[url.URL](): parseAddress},
	})
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, one := range all.Errors {
		var wrong env.ParseError
		if !errors.As(one, &wrong) {
			continue
		}
		at := slices.IndexFunc(rows, func(r row) bool { return r.field == wrong.Name })
		var words flaw
		if !errors.As(wrong.Err, &words) {
			words = flaw("is " + quote(vars[rows[at].name]))
		}
		problems.add(rows[at].name, string(words))
	}
}

// parseAddress reads a web address that holds no secret, so that it may be logged.
func parseAddress(text string) (any, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, flaw("cannot be read as a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, flaw("does not begin with https:// or http://")
	case u.Hostname() == "":
		return nil, flaw("names no host")
	case u.Port() != "" && (u.Port() == "0" || !isPort(u.Port())):
		return nil, flaw("has a port outside 1 to 65535")
	case u.User != nil:
		return nil, flaw("has a user name or password in it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, flaw("has a ? or # in it")
	}
	return *u, nil
}

// variables makes a map of environ. Windows lists oddities like "=C:=C:\dir".
func variables(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			vars[name] = value
		}
	}
	return vars
}

// foreign are the variables of the file that are not ours, and the two proxy
// variables, as far as the environment leaves them unset.
func foreign(file, set map[string]string) map[string]Secret {
	others := map[string]Secret{}
	for name, value := range file {
		_, ours := rowNamed(name)
		_, wins := set[name]
		if (!ours || name == "HTTPS_PROXY" || name == "NO_PROXY") && !wins {
			others[name] = NewSecret(value)
		}
	}
	return others
}
