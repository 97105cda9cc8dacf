import LabCore

/// Puts together one document from its events.
struct YAMLComposer {
    /// A value, and how many values it is made of.
    private struct Node {
        let value: JSONValue
        let size: Int
    }

    private var anchors: [String: Node] = [:]
    private var depth = 0

    /// - Throws: ``YAMLError`` for what is not YAML, an unknown alias, a key that is there twice, or that is no scalar.
    mutating func document(_ events: borrowing YAMLEvents) throws(YAMLError) -> JSONValue {
        try node(try events.next(), events).value
    }

    private mutating func node(_ event: YAMLEvents.Event, _ events: borrowing YAMLEvents) throws(YAMLError) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth <= YAMLText.maximumDepth else {
            throw event.error("it is nested deeper than \(YAMLText.maximumDepth) levels")
        }
        let node: Node
        switch event.kind {
        case .scalar(let text, let isPlain, let tag):
            node = Node(value: YAMLScalar.value(of: text, isPlain: isPlain, tag: tag), size: 1)
        case .sequenceStart: node = try sequence(events)
        case .mappingStart: node = try mapping(events)
        case .alias(let name):
            guard let known = anchors[name] else { throw event.error("there is no anchor “\(name)” before this alias") }
            node = known
        case .documentStart, .documentEnd, .streamEnd, .sequenceEnd, .mappingEnd:
            throw event.error("a value is missing")
        }
        guard node.size <= YAMLText.maximumValues else {
            throw event.error("its aliases stand for more than \(YAMLText.maximumValues) values")
        }
        if let anchor = event.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func sequence(_ events: borrowing YAMLEvents) throws(YAMLError) -> Node {
        var values: [JSONValue] = []
        var size = 1
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return Node(value: .array(values), size: size) }
            let element = try node(event, events)
            values.append(element.value)
            size += element.size
        }
    }

    private mutating func mapping(_ events: borrowing YAMLEvents) throws(YAMLError) -> Node {
        var members: [String: JSONValue] = [:]
        var merged: [String: JSONValue] = [:]
        var size = 1
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind {
                return Node(value: .object(members.merging(merged) { own, _ in own }), size: size)
            }
            let (key, isMerge) = try key(event)
            let valueEvent = try events.next()
            let value = try node(valueEvent, events)
            size += value.size
            if isMerge {
                // Of several that are merged, the former ones win (yaml.org/type/merge).
                for mapping in value.value.arrayValue ?? [value.value] {
                    guard let others = mapping.objectValue else {
                        throw valueEvent.error("“<<” takes a mapping, or a list of them")
                    }
                    merged.merge(others) { former, _ in former }
                }
            } else if members.updateValue(value.value, forKey: key) != nil {
                throw event.error("the key “\(key)” is there twice")
            }
        }
    }

    private func key(_ event: YAMLEvents.Event) throws(YAMLError) -> (text: String, isMerge: Bool) {
        switch event.kind {
        case .scalar(let text, let isPlain, _): return (text, isPlain && text == "<<")
        case .alias(let name):
            guard let text = anchors[name]?.value.stringValue else {
                throw event.error("there is no text with the anchor “\(name)” before this alias")
            }
            return (text, false)
        default: throw event.error("a key must be a text")
        }
    }
}
