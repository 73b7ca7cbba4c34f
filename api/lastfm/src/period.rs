/// A period that Last.fm counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Period {
    Week,
    Month,
    Quarter,
    HalfYear,
    Year,
    #[default]
    All,
}

impl Period {
    /// As callers say it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "7d" => Self::Week,
            "1m" => Self::Month,
            "3m" => Self::Quarter,
            "6m" => Self::HalfYear,
            "12m" => Self::Year,
            "all" => Self::All,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "1m",
            Self::Quarter => "3m",
            Self::HalfYear => "6m",
            Self::Year => "12m",
            Self::All => "all",
        }
    }

    /// As the API says it.
    pub(crate) fn of_api(self) -> &'static str {
        match self {
            Self::Week => "7day",
            Self::Month => "1month",
            Self::Quarter => "3month",
            Self::HalfYear => "6month",
            Self::Year => "12month",
            Self::All => "overall",
        }
    }

    /// As the site says it.
    pub(crate) fn of_site(self) -> &'static str {
        match self {
            Self::Week => "LAST_7_DAYS",
            Self::Month => "LAST_30_DAYS",
            Self::Quarter => "LAST_90_DAYS",
            Self::HalfYear => "LAST_180_DAYS",
            Self::Year => "LAST_365_DAYS",
            Self::All => "ALL",
        }
    }
}
