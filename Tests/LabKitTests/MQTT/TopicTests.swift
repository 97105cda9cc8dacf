import LabCore
import Testing

@testable import LabMQTT

@Suite("Topics and filters")
struct TopicTests {
    @Test("a topic is taken", arguments: ["a", "/", "a/b", "/a", "a//b", "Grüße/°C", "$SYS/broker", " ", "a b/c"])
    func goodTopic(text: String) throws {
        #expect(try MQTTTopic(text).text == text)
    }

    @Test(
        "a topic is refused",
        arguments: [
            "", "+", "a/+", "a/#", "a+b", "a\0b", "a\nb", "a\u{7F}", "a\u{FFFF}", String(repeating: "x", count: 65_536),
        ])
    func badTopic(text: String) {
        #expect(throws: InvalidText.self) { try MQTTTopic(text) }
    }

    @Test("the longest topic has 65,535 bytes")
    func longestTopic() throws {
        #expect(try MQTTTopic(String(repeating: "x", count: 65_535)).text.utf8.count == 65_535)
        #expect(throws: InvalidText.self) { try MQTTTopic(String(repeating: "ü", count: 32_768)) }
    }

    @Test(
        "a filter is taken",
        arguments: ["#", "+", "a/#", "+/a/+", "/#", "a//+", "$SYS/#", "$share/g/a/#", "$share/g//a"])
    func goodFilter(text: String) throws {
        #expect(try MQTTTopicFilter(text).text == text)
    }

    @Test(
        "a filter is refused",
        arguments: [
            "", "a#", "#/a", "a/#/b", "a+", "a/b+/c", "++", "##", "a\0", "$share", "$share/g", "$share/g/", "$share//a",
            "$share/+/a", "$share/g#/a", "$share/g/a#",
        ])
    func badFilter(text: String) {
        #expect(throws: InvalidText.self) { try MQTTTopicFilter(text) }
    }

    /// MQTT 5, 4.7.1 and 4.7.2.
    @Test(
        "a filter matches a topic",
        arguments: [
            ("a/b", "a/b"), ("#", "a"), ("#", "/a/b"), ("a/#", "a"), ("a/#", "a/b"), ("a/#", "a/b/c"), ("a/#", "a/"),
            ("+", "a"), ("+/+", "/a"), ("/+", "/a"), ("a/+", "a/"), ("a/+/c", "a/b/c"), ("a/+/c", "a//c"),
            ("+/b/#", "a/b"), ("$SYS/#", "$SYS/x"), ("$SYS/+", "$SYS/x"), ("$share/g/a/#", "a/b"),
            ("$share/g//a", "/a"),
        ])
    func matches(filter: String, topic: String) throws {
        #expect(try MQTTTopicFilter(filter).matches(MQTTTopic(topic)))
    }

    @Test(
        "a filter does not match a topic",
        arguments: [
            ("a", "A"), ("a/b", "a"), ("a", "a/b"), ("a", "a/"), ("a", "/a"), ("+", "/a"), ("+", "a/b"), ("a/+", "a"),
            ("a/#", "ab"), ("a/#", "b"), ("a/+/c", "a/b/d"), ("#", "$SYS"), ("#", "$SYS/x"), ("+/x", "$SYS/x"),
            ("$share/g/a", "$share/g/a"), ("a/+/#", "a"),
        ])
    func doesNotMatch(filter: String, topic: String) throws {
        #expect(try !MQTTTopicFilter(filter).matches(MQTTTopic(topic)))
    }

    @Test(
        "a filter covers another",
        arguments: [
            ("#", "a/+", true), ("a/#", "a", true), ("a/#", "a/#", true), ("a/#", "a/+/#", true), ("+", "a", true),
            ("a/+", "a/#", false), ("a", "+", false), ("a/b", "a", false), ("a", "a/b", false), ("#", "$SYS/#", false),
            ("+/b", "a/+", false), ("a/#", "$share/g/a/b", false), ("$share/g/#", "$share/g/a", true),
            ("a/+/#", "a", false),
        ])
    func covers(filter: String, other: String, expected: Bool) throws {
        #expect(try MQTTTopicFilter(filter).covers(MQTTTopicFilter(other)) == expected)
    }

    @Test("covered filters are left out, whatever their order")
    func withoutCovered() throws {
        let filters = try ["a/b", "a/#", "c", "a/+"].map { try MQTTTopicFilter($0) }
        #expect(MQTTClient.withoutCovered(filters).map(\.text) == ["a/#", "c"])
        #expect(Set(MQTTClient.withoutCovered(filters.reversed()).map(\.text)) == ["a/#", "c"])
    }

    @Test("the same filters get the same session in the next life, and two at once get two")
    func sessionNames() throws {
        let filters = try ["a", "b"].map { try MQTTTopicFilter($0) }
        let name = SubscriptionName.clientID(of: filters, client: "dns", taken: [])
        #expect(name.hasPrefix("dns/"))
        #expect(SubscriptionName.clientID(of: filters.reversed(), client: "dns", taken: []) == name)
        #expect(SubscriptionName.clientID(of: filters, client: "dns", taken: [name]) == name + "-2")
        #expect(SubscriptionName.clientID(of: [filters[0]], client: "dns", taken: []) != name)
    }
}
