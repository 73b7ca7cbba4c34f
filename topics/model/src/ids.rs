//! Discord's ids. Strings in JSON (as Discord writes them), longs in Avro.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds from the Unix epoch to Discord's (2015-01-01T00:00:00Z).
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

macro_rules! snowflake {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// When the object with this id was created, in Unix milliseconds.
            #[must_use]
            pub fn created_ms(self) -> i64 {
                (self.0 >> 22).cast_signed() + DISCORD_EPOCH_MS
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
        impl From<$name> for u64 {
            fn from(id: $name) -> u64 {
                id.0
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() {
                    s.collect_str(&self.0)
                } else {
                    s.serialize_i64(self.0.cast_signed())
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    d.deserialize_any(IdVisitor).map(Self)
                } else {
                    Ok(Self(i64::deserialize(d)?.cast_unsigned()))
                }
            }
        }
        impl apache_avro::AvroSchemaComponent for $name {
            fn get_schema_in_ctxt(
                _: &mut std::collections::HashSet<apache_avro::schema::Name>,
                _: apache_avro::schema::NamespaceRef,
            ) -> apache_avro::Schema {
                apache_avro::Schema::Long
            }
            fn get_record_fields_in_ctxt(
                _: &mut std::collections::HashSet<apache_avro::schema::Name>,
                _: apache_avro::schema::NamespaceRef,
            ) -> Option<Vec<apache_avro::schema::RecordField>> {
                None
            }
        }
    };
}

snowflake!(
    /// Any id of Discord's whose kind does not matter.
    Snowflake
);
snowflake!(
    /// A guild ("server").
    GuildId
);
snowflake!(
    /// A channel, a thread or a direct-message channel.
    ChannelId
);
snowflake!(
    /// A user, bots included.
    UserId
);
snowflake!(
    /// A message.
    MessageId
);

/// Accepts an id as a string (Discord's way) or as a number (what some libraries send).
struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snowflake as a string or an unsigned integer")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::custom("a snowflake has decimal digits only"))
    }
    fn visit_u64<E: de::Error>(self, id: u64) -> Result<u64, E> {
        Ok(id)
    }
    fn visit_i64<E: de::Error>(self, id: i64) -> Result<u64, E> {
        u64::try_from(id).map_err(|_| E::custom("a snowflake is not negative"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_string_in_json_and_a_number_is_accepted() {
        let id: GuildId = serde_json::from_str("\"175928847299117063\"").expect("string");
        assert_eq!(id, serde_json::from_str::<GuildId>("175928847299117063").expect("number"));
        assert_eq!(serde_json::to_string(&id).expect("write"), "\"175928847299117063\"");
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        // The example of Discord's reference: 2016-04-30T11:18:25.796Z.
        assert_eq!(Snowflake(175_928_847_299_117_063).created_ms(), 1_462_015_105_796);
    }
}
