use serde::{Deserialize, Serialize};

/// What an answer is about; clients choose the shade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Plain answers.
    #[default]
    Info,
    /// Something is worth a thought.
    Warning,
    /// It did not work.
    Error,
    /// A change was made.
    Success,
    /// Last.fm.
    Lastfm,
    /// Too often.
    Cooldown,
    /// Help.
    Help,
}

impl Colour {
    /// The bot's shade, `0xRRGGBB`.
    #[must_use]
    pub fn rgb(self) -> u32 {
        match self {
            Self::Info => 0x3b_88c3,
            Self::Warning => 0xff_cc4d,
            Self::Error => 0xbe_1931,
            Self::Success => 0x77_b255,
            Self::Lastfm => 0xb9_0000,
            Self::Cooldown => 0xff_e8b6,
            Self::Help => 0xee_84ca,
        }
    }
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Markdown.
    pub value: String,
    /// Whether it may stand beside others.
    #[serde(default)]
    pub inline: bool,
}

/// How an image is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageRole {
    /// Large, below the text.
    Main,
    /// Small, beside it.
    Thumbnail,
}

/// A reference to an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub url: String,
    /// How it is shown.
    pub role: ImageRole,
}

/// What an attachment's address begins with when the Last.fm middleware serves it.
pub const FROM_LASTFM: &str = "lastfm:";
/// What an attachment's address begins with when the media embedder serves it.
pub const FROM_EMBEDDER: &str = "embedder:";

/// A file that goes along with an answer. A client fetches it from the service that its address names:
/// `lastfm:/v1/…` or `embedder:/v1/…`, a path there. An image of the address `attachment://NAME` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its file name, with an ending that fits: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Whether it is hidden until one asks for it.
    #[serde(default)]
    pub spoiler: bool,
}

impl Attachment {
    /// The name under which it is sent.
    #[must_use]
    pub fn sent_name(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let name: String = self.name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        if self.spoiler { format!("SPOILER_{name}") } else { name }
    }
}

/// A button that opens an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// On the button.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

/// What answers a command, on any platform. Text is Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Document {
    /// Heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Named values.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// A list; clients page it by 10.
    #[serde(default)]
    pub rows: Vec<String>,
    /// Images by address.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Files that go along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// What it is about.
    #[serde(default)]
    pub colour: Colour,
    /// Buttons.
    #[serde(default)]
    pub actions: Vec<Link>,
    /// Small print.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
}

impl Document {
    /// A plain answer.
    #[must_use]
    pub fn text(colour: Colour, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), colour, ..Self::default() }
    }

    /// With a heading.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With small print.
    #[must_use]
    pub fn footer(mut self, footer: impl Into<String>) -> Self {
        self.footer = Some(footer.into());
        self
    }

    /// With one more named value.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>, inline: bool) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into(), inline });
        self
    }

    /// With one more image.
    #[must_use]
    pub fn image(mut self, role: ImageRole, url: impl Into<String>) -> Self {
        self.images.push(Image { url: url.into(), role });
        self
    }

    /// With one more file.
    #[must_use]
    pub fn attachment(mut self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.attachments.push(Attachment { name: name.into(), url: url.into(), spoiler: false });
        self
    }
}
