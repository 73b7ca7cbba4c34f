//! Records for people: any record whose schema is known, as JSON.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use miso_model::{RecordError, SINGLE_OBJECT_HEADER_LEN, all_codecs};
use serde_json::Value;

use crate::Schemas;

impl Schemas {
    /// The record's name and its fields. Ids are strings, as in Discord's JSON; bytes that are JSON
    /// or text are shown as such, others in hexadecimal.
    ///
    /// # Errors
    /// [`RecordError`] when the schema is not known or the bytes do not follow it.
    pub fn to_json(&self, bytes: &[u8]) -> Result<(String, Value), RecordError> {
        let codec = all_codecs().into_iter().find(|codec| codec.wrote(bytes));
        let foreign = if codec.is_none() { self.foreign_of(bytes)? } else { None };
        let (name, schema) = match (codec, &foreign) {
            (Some(codec), _) => (codec.name, codec.schema),
            (None, Some(foreign)) => (foreign.name.as_str(), &foreign.schema),
            (None, None) => return Err(RecordError::NotSingleObject(bytes.len())),
        };
        let malformed = |source| RecordError::Malformed { name: "of the log", source: Box::new(source) };
        let value = GenericDatumReader::builder(schema)
            .build()
            .and_then(|reader| reader.read_value(&mut &bytes[SINGLE_OBJECT_HEADER_LEN..]))
            .map_err(malformed)?;
        Ok((name.to_owned(), shown(value, "")))
    }
}

/// Fields that hold a snowflake or a list of them: strings in JSON.
fn is_id(field: &str) -> bool {
    field.ends_with("_id") || field.ends_with("_ids") || field == "guilds"
}

fn shown(value: Avro, field: &str) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(flag) => flag.into(),
        Avro::Int(number) => number.into(),
        Avro::Long(id) if is_id(field) => id.cast_unsigned().to_string().into(),
        Avro::Long(number) => number.into(),
        Avro::Float(number) => f64::from(number).into(),
        Avro::Double(number) => number.into(),
        Avro::String(text) => text.into(),
        Avro::Bytes(bytes) => from_bytes(&bytes),
        Avro::Union(_, value) => shown(*value, field),
        Avro::Array(values) => values.into_iter().map(|value| shown(value, field)).collect(),
        Avro::Map(map) => map
            .into_iter()
            .map(|(name, value)| {
                let value = shown(value, &name);
                (name, value)
            })
            .collect(),
        Avro::Record(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = shown(value, &name);
                (name, value)
            })
            .collect(),
        other => format!("{other:?}").into(),
    }
}

fn from_bytes(bytes: &[u8]) -> Value {
    if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(bytes) {
        return json;
    }
    let printable = |text: &&str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    match std::str::from_utf8(bytes).ok().filter(printable) {
        Some(text) => text.into(),
        None => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_json_text_or_hexadecimal() {
        assert_eq!(from_bytes(br#"{"a":1}"#), serde_json::json!({"a": 1}));
        assert_eq!(from_bytes("täxt".as_bytes()), "täxt");
        assert_eq!(from_bytes(&[0, 255]), "00ff");
    }
}
