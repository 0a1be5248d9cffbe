package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/slack"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
)

// Services whose URLs the library reads, but whose requests it would send by a
// client of its own: these are sent here.

func openSlack(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	config, err := slack.CreateConfigFromURL(u)
	if err != nil {
		return nil, err
	}
	return func(m chatMessage) error {
		config.Title = m.title
		payload := slack.CreateJSONPayload(config, m.text)
		if !config.Token.IsAPIToken() {
			return postJSON(client, config.Token.WebhookURL(), "", payload, nil)
		}
		var answer slack.APIResponse // its status is 200 whatever it says
		err := postJSON(client, "https://slack.com/api/chat.postMessage", config.Token.Authorization(), payload, &answer)
		if err == nil && !answer.Ok {
			err = errors.New(answer.Error)
		}
		return err
	}, nil
}

// teamsCard is a message card.
// Source: https://learn.microsoft.com/outlook/actionable-messages/message-card-reference
type teamsCard struct {
	Type     string `json:"@type"`
	Context  string `json:"@context"`
	Summary  string `json:"summary"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Color    string `json:"themeColor,omitempty"`
	Markdown bool   `json:"markdown"`
}

func openTeams(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	c := &teams.Config{}
	if err := c.SetURL(u); err != nil {
		return nil, err
	}
	address := teams.BuildWebhookURL(c.Host, c.Group, c.Tenant, c.AltID, c.GroupOwner, c.ExtraID)
	if err := teams.ValidateWebhookURL(address); err != nil {
		return nil, err
	}
	return func(m chatMessage) error {
		return postJSON(client, address, "", teamsCard{
			Type: "MessageCard", Context: "https://schema.org/extensions", Summary: m.title, Title: m.title,
			Text: strings.ReplaceAll(m.text, "\n", "\n\n"), Color: c.Color,
		}, nil)
	}, nil
}

const mostTelegram = 4096 // runes of a message

func openTelegram(u *url.URL, client *http.Client) (func(chatMessage) error, error) {
	config := &telegram.Config{Preview: true, Notification: true}
	if err := config.SetURL(u); err != nil {
		return nil, err
	}
	return func(m chatMessage) error {
		for _, chat := range config.Chats {
			chat, topic, _ := strings.Cut(chat, ":")
			message := telegram.SendMessagePayload{
				ID: chat, Text: clip(m.whole, mostTelegram), DisablePreview: !config.Preview, DisableNotification: !config.Notification,
			}
			if id, err := strconv.Atoi(topic); err == nil {
				message.MessageThreadID = &id
			}
			if err := postJSON(client, "https://api.telegram.org/bot"+config.Token+"/sendMessage", "", message, nil); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// postJSON posts the value, and reads the answer if there is a place for it.
func postJSON(client *http.Client, address, authorization string, value, answer any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	// The courier bounds it by the context of the try.
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("answered %s", statusText(resp.StatusCode))
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
