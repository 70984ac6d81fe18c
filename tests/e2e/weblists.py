"""The lists of the tests of pages: each pattern, in both languages."""

JA = """
list "ja-%(pattern)s" {
  title = "季節のおたより"
  sender = { "ja-%(pattern)s@example.com" }
  language = "ja"
  footer_sender = "株式会社エグザンプル"
  footer_address = "〒100-0001 東京都千代田区千代田1-1"
  footer_contact = "https://www.example.com/contact"
  unsubscribe { pattern = "%(pattern)s" }
  form {
    published = %(published)s
    colour = "#b5432e"
    intro = "旬の食材と、産地のお話を月に二回お届けします。"
    privacy_url = "https://www.example.com/privacy"
    consent = "プライバシーポリシーを読み、「季節のおたより」のメールを受け取ることに同意します。"
    field "name" { kind = "name" label = "お名前" required = true }
    field "company" { kind = "company" label = "会社名" }
    field "interest" { kind = "choice" label = "ご興味のある話題" options = { "野菜", "果物", "魚" } required = true }
    field "note" { kind = "textarea" label = "ご意見・ご要望" hint = "100文字以内でお書きください。" }
  }
}
"""

EN = """
list "en-%(pattern)s" {
  title = "Seasonal Letters"
  sender = { "en-%(pattern)s@example.com" }
  language = "en"
  footer_sender = "Example Inc."
  footer_address = "1-1 Chiyoda, Tokyo 100-0001, Japan"
  footer_contact = "support@example.com"
  unsubscribe { pattern = "%(pattern)s" }
  form {
    published = %(published)s
    field "name" { kind = "name" label = "Your name" max = 20 }
    field "interest" { kind = "choice" label = "Topic" options = { "Products", "Events & fairs" } }
  }
}
"""


def lists():
    text = ""
    for pattern in ("once", "confirm", "address"):
        values = {"pattern": pattern, "published": "true" if pattern == "confirm" else "false"}
        text += JA % values + EN % values
    return text
