use super::KafkaConfig;
use crate::LogError;

impl KafkaConfig {
    /// From `HOST:PORT[,HOST:PORT…][?prefix=NAME&replication=N]`.
    ///
    /// # Errors
    /// [`LogError::Refused`], which says what is wrong and what is allowed.
    pub fn from_address(address: &str) -> Result<Self, LogError> {
        let (brokers, options) = address.split_once('?').unwrap_or((address, ""));
        let brokers = brokers.trim_end_matches('/');
        let refused = |what: String| {
            Err(LogError::Refused(format!(
                "kafka://{address}: {what}; write kafka://HOST:PORT[,HOST:PORT…][?prefix=NAME&replication=N]"
            )))
        };
        for broker in brokers.split(',') {
            let port =
                broker.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(1..))) {
                return refused(format!("{broker:?} is no HOST:PORT"));
            }
        }
        let mut config = Self::new(brokers);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("prefix", prefix)) if is_name(prefix.trim_end_matches('.')) => {
                    config.topic_prefix = Some(prefix.trim_end_matches('.').to_owned());
                }
                Some(("prefix", prefix)) => {
                    return refused(format!(
                        "prefix {prefix:?} may have letters, digits, '.', '_' and '-', at most 100"
                    ));
                }
                Some(("replication", number)) => match number.parse() {
                    Ok(replicas @ 1..=100) => config.replication = replicas,
                    _ => return refused(format!("replication {number:?} is no number from 1 to 100")),
                },
                _ => return refused(format!("option {option:?} is not known")),
            }
        }
        Ok(config)
    }
}

/// What Kafka takes in names, short enough for a topic's name behind it.
fn is_name(prefix: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=100).contains(&prefix.len()) && prefix.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_prefix_and_replication_are_understood() {
        let config = KafkaConfig::from_address("a:9092,b.example:19092?prefix=test.&replication=3").expect("valid");
        assert_eq!(config.brokers, "a:9092,b.example:19092");
        assert_eq!(config.topic_prefix.as_deref(), Some("test"));
        assert_eq!(config.replication, 3);
        let plain = KafkaConfig::from_address("[::1]:9092/").expect("valid");
        assert_eq!((plain.brokers.as_str(), plain.topic_prefix, plain.replication), ("[::1]:9092", None, -1));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (address, named) in [
            ("", "\"\""),
            ("a", "\"a\""),
            ("a:0", "\"a:0\""),
            ("a:9092,b", "\"b\""),
            ("a:1?prefix=", "prefix"),
            ("a:1?prefix=a/b", "a/b"),
            ("a:1?replication=0", "\"0\""),
            ("a:1?acks=0", "acks=0"),
        ] {
            match KafkaConfig::from_address(address) {
                Err(LogError::Refused(text)) => assert!(text.contains(named), "{address}: {text}"),
                other => panic!("{address}: {other:?}"),
            }
        }
    }
}
