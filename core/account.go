package core

import (
	"fmt"
	"strings"
)

// Platform names a chat platform. The core compares platforms; it knows none by name.
type Platform string

// UserID is a person on one platform, "platform:id".
type UserID struct {
	platform Platform
	id       string
}

// NewUserID makes the id of a person from the platform's own id.
func NewUserID(platform Platform, id string) UserID { return UserID{platform, id} }

// ParseUserID reads what String writes.
func ParseUserID(text string) (UserID, error) {
	platform, id, found := strings.Cut(text, ":")
	if !found || platform == "" || id == "" {
		return UserID{}, fmt.Errorf("user id %q is not platform:id", text)
	}
	return UserID{Platform(platform), id}, nil
}

// Platform is the platform that knows this person.
func (u UserID) Platform() Platform { return u.platform }

// Local is the platform's own id of this person.
func (u UserID) Local() string { return u.id }

// String is "platform:id", the form of ADMINS and ALLOW.
func (u UserID) String() string { return string(u.platform) + ":" + u.id }

// AccountID names an account. Allowance and pictures belong to an account;
// a UserID points to one, so that a person may have one account on both platforms.
type AccountID string
