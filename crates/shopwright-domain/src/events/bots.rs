//! Whether a client says that it is no person: crawlers, previews, monitors and libraries.
//!
//! The words are those that such clients name themselves with; one that lies is held by the caps.

/// Words in a `User-Agent` that no browser of a person carries, in lower case.
const WORDS: [&str; 34] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "headless",
    "lighthouse",
    "pagespeed",
    "pingdom",
    "uptime",
    "monitor",
    "facebookexternalhit",
    "whatsapp",
    "embedly",
    "preview",
    "scrap",
    "archiver",
    "phantomjs",
    "puppeteer",
    "playwright",
    "selenium",
    "curl/",
    "wget/",
    "python",
    "go-http-client",
    "java/",
    "okhttp",
    "libwww",
    "httpclient",
    "axios",
    "node-fetch",
    "guzzle",
    "ruby",
    "feedfetcher",
    "mediapartners",
];
/// Telephones whose name holds one of the words.
const TELEPHONES: [&str; 1] = ["cubot"];

/// Whether a `User-Agent` is no browser of a person. One that is empty is none.
pub fn is_bot(user_agent: &str) -> bool {
    let mut text = user_agent.trim().to_ascii_lowercase();
    for telephone in TELEPHONES {
        text = text.replace(telephone, "");
    }
    text.is_empty() || text == "-" || WORDS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_bot;

    #[test]
    fn crawlers_and_libraries_are_told_from_people() {
        for bot in [
            "",
            "-",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/130.0.0.0 Safari/537.36",
            "facebookexternalhit/1.1",
            "curl/8.5.0",
            "python-requests/2.32",
        ] {
            assert!(is_bot(bot), "{bot}");
        }
        for person in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36",
        ] {
            assert!(!is_bot(person), "{person}");
        }
    }
}
