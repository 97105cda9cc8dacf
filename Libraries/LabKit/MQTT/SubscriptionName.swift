/// Names the sessions of subscriptions at the broker.
enum SubscriptionName {
    /// `<client>/<hash of the filters>`: the same for the same filters in the next life of the program, so that it finds
    /// its session again. Where the same filters are subscribed to twice at once, the second gets a `-2`.
    static func clientID(of filters: [MQTTTopicFilter], client: String, taken: Set<String>) -> String {
        let plain = client + "/" + hash(filters)
        var name = plain
        var ordinal = 1
        while taken.contains(name) {
            ordinal += 1
            name = "\(plain)-\(ordinal)"
        }
        return name
    }

    /// FNV-1a, 64 bits: stable over processes, unlike `Hasher`. The order of the filters does not matter.
    private static func hash(_ filters: [MQTTTopicFilter]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for filter in filters.sorted() {
            for byte in Array(filter.text.utf8) + [0] {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }
        }
        return String(hash, radix: 36)
    }
}
