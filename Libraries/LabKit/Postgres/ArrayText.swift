/// The text form of arrays (PostgreSQL's documentation, 8.15.6): `{"a","say \"b\"",NULL}`.
enum ArrayText {
    /// Takes one-dimensional arrays apart; nil for an element is NULL. Throws nothing: nil when it is not an array.
    static func elements(of text: UnsafeRawBufferPointer) -> [[UInt8]?]? {
        guard text.count >= 2, text.first == UInt8(ascii: "{"), text.last == UInt8(ascii: "}") else { return nil }
        var elements: [[UInt8]?] = []
        var index = 1
        let end = text.count - 1
        while index < end {
            var element: [UInt8] = []
            var isQuoted = false
            if text[index] == UInt8(ascii: "\"") {
                isQuoted = true
                index += 1
                while index < end, text[index] != UInt8(ascii: "\"") {
                    if text[index] == UInt8(ascii: "\\") { index += 1 }
                    guard index < end else { return nil }
                    element.append(text[index])
                    index += 1
                }
                guard index < end else { return nil }
                index += 1
            } else {
                while index < end, text[index] != UInt8(ascii: ",") {
                    // An inner brace that is not quoted begins another dimension.
                    guard text[index] != UInt8(ascii: "{") else { return nil }
                    element.append(text[index])
                    index += 1
                }
            }
            elements.append(!isQuoted && element.elementsEqual("NULL".utf8) ? nil : element)
            if index < end {
                guard text[index] == UInt8(ascii: ",") else { return nil }
                index += 1
            }
        }
        return elements
    }
}

extension PostgresArrayElement {
    public static func encode(_ array: [Self], to encoder: inout PostgresEncoder) {
        encoder.bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for value in array {
            if !isFirst { encoder.bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            var element = PostgresEncoder(.text)
            value.encode(to: &element)
            if element.isNull {
                encoder.write("NULL")
            } else {
                encoder.bytes.append(UInt8(ascii: "\""))
                for byte in element.bytes {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                        encoder.bytes.append(UInt8(ascii: "\\"))
                    }
                    encoder.bytes.append(byte)
                }
                encoder.bytes.append(UInt8(ascii: "\""))
            }
        }
        encoder.bytes.append(UInt8(ascii: "}"))
    }
}
