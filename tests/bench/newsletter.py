#!/usr/bin/python3
"""Writes the newsletter of the benches: Japanese HTML of 30 KB with 20 links, a
text alternative beside it, UTF-8 in quoted-printable (55 KB on the wire)."""
import email.charset
import email.mime.multipart
import email.mime.text
import email.utils
import sys

HTML_SIZE = 30000
LINKS = 20

charset = email.charset.Charset("utf-8")
charset.body_encoding = email.charset.QP
words = "秋の新商品をご紹介いたします。送料無料のキャンペーンは今月末までです。"
block = (
    '<table width="600" cellpadding="0" cellspacing="0" border="0" align="center" '
    'style="border-collapse:collapse;background-color:#ffffff;"><tr><td style="padding:16px 24px;'
    'font-family:Hiragino Sans,Meiryo,sans-serif;font-size:14px;line-height:1.7;color:#333333;">\n'
    '<h2 style="margin:0 0 12px;font-size:18px;">特集 %d</h2>\n<p>%s</p>\n'
    '<a href="https://shop.example.org/item/%d?utm_source=mail&amp;utm_campaign=autumn" '
    'style="display:inline-block;padding:10px 24px;background:#c00;color:#fff;">詳しく見る</a>\n'
    "<!-- item %d --><img src=\"https://img.example.org/%d.jpg\" width=\"552\" alt=\"\">\n</td></tr></table>\n"
)
spacer = (
    '<table width="600" cellpadding="0" cellspacing="0" border="0" align="center"><tr>'
    '<td height="24" style="font-size:0;line-height:0;border-bottom:1px solid #eeeeee;">&nbsp;</td></tr></table>\n'
)
html = "<html><head><meta charset=\"utf-8\"><style>a{color:#c00} p{margin:0}</style></head><body>\n"
for i in range(LINKS):
    html += block % (i, words * (4 + i % 2), i, i, i)
while len(html.encode()) < HTML_SIZE:
    html += spacer
html += "</body></html>\n"
message = email.mime.multipart.MIMEMultipart("alternative")
message["From"] = "news@example.com"
message["To"] = "reader@example.net"
message["Subject"] = "=?utf-8?b?56eL44Gu5paw5ZWG5ZOB?="
message["Date"] = email.utils.formatdate()
message["Message-ID"] = "<bench@example.com>"
for text, kind in ((words * 6 + "\n{{unsubscribe_url}}\n", "plain"), (html, "html")):
    part = email.mime.text.MIMEText("", kind, None)
    del part["Content-Transfer-Encoding"]
    part.set_payload(text, charset)
    message.attach(part)
sys.stdout.write(message.as_string())
