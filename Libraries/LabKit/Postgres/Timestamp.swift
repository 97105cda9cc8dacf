import FoundationEssentials

/// The text form of times: ISO style in UTC, `2026-01-31 10:20:30.123456+00`, with ` BC` for years before 1.
enum Timestamp {
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    static func text(of date: Date) -> String {
        if date == .distantFuture || date.timeIntervalSinceReferenceDate == .infinity { return "infinity" }
        if date == .distantPast || date.timeIntervalSinceReferenceDate == -.infinity { return "-infinity" }
        let seconds = date.timeIntervalSince1970
        // Not a number: the server refuses it and says so.
        guard seconds.isFinite else { return "NaN" }
        // Whole seconds and their fraction apart, so that the fraction is rounded once.
        let whole = date.timeIntervalSinceReferenceDate.rounded(.down)
        let fraction = date.timeIntervalSinceReferenceDate - whole
        let microseconds = (Int64(whole) + 978_307_200) * 1_000_000 + Int64((fraction * 1_000_000).rounded())
        let day = microseconds.floorDivided(by: microsecondsPerDay)
        let time = microseconds - day * microsecondsPerDay
        let (year, month, dayOfMonth) = civil(fromDays: day)
        let isBC = year < 1
        return padded(isBC ? 1 - year : year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfMonth, 2) + " "
            + padded(time / 3_600_000_000, 2) + ":" + padded(time / 60_000_000 % 60, 2) + ":"
            + padded(time / 1_000_000 % 60, 2) + "." + padded(time % 1_000_000, 6) + "+00" + (isBC ? " BC" : "")
    }

    /// A `timestamptz`, `timestamp` or `date` as the server writes it; nil for anything else.
    static func date(from text: UnsafeRawBufferPointer) -> Date? {
        if text.elementsEqual("infinity".utf8) { return .distantFuture }
        if text.elementsEqual("-infinity".utf8) { return .distantPast }
        var reader = Reader(text: text)
        guard let year = reader.number(), reader.take("-"), let month = reader.number(), reader.take("-"),
            let day = reader.number(), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds: Int64 = 0
        var microseconds: Int64 = 0
        if reader.take(" "), !reader.isAt("B") {
            guard let hour = reader.number(), reader.take(":"), let minute = reader.number(), reader.take(":"),
                let second = reader.number()
            else { return nil }
            seconds = hour * 3600 + minute * 60 + second
            if reader.take(".") {
                guard let fraction = reader.fraction() else { return nil }
                microseconds = fraction
            }
            seconds -= reader.zoneOffset()
            _ = reader.take(" ")
        }
        let isBC = reader.take("B") && reader.take("C")
        guard reader.isAtEnd else { return nil }
        let days = daysFromCivil(year: isBC ? 1 - year : year, month: month, day: day)
        let whole = days * 86_400 + seconds - 978_307_200
        return Date(timeIntervalSinceReferenceDate: Double(whole) + Double(microseconds) / 1_000_000)
    }

    private struct Reader {
        let text: UnsafeRawBufferPointer
        var index = 0

        var isAtEnd: Bool { index == text.count }

        func isAt(_ character: Unicode.Scalar) -> Bool {
            index < text.count && text[index] == UInt8(truncatingIfNeeded: character.value)
        }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard isAt(character) else { return false }
            index += 1
            return true
        }

        mutating func number() -> Int64? {
            var value: Int64 = 0
            let start = index
            while index < text.count, (48...57).contains(text[index]), index - start < 9 {
                value = value * 10 + Int64(text[index] - 48)
                index += 1
            }
            return index > start ? value : nil
        }

        /// Up to six digits after the point, in millionths.
        mutating func fraction() -> Int64? {
            let start = index
            guard let value = number(), index - start <= 6 else { return nil }
            return (start + 6 - index > 0)
                ? (0..<(start + 6 - index)).reduce(value) { number, _ in number * 10 } : value
        }

        /// Seconds east of Greenwich: `+05:30` is 19,800; zero when there is no zone.
        mutating func zoneOffset() -> Int64 {
            let sign: Int64
            if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return 0 }
            var offset = (number() ?? 0) * 3600
            if take(":") { offset += (number() ?? 0) * 60 }
            if take(":") { offset += number() ?? 0 }
            return sign * offset
        }
    }

    /// Days since 1970-01-01 to the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms").
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    private static func daysFromCivil(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.floorDivided(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return digits.utf8.count < width ? String(repeating: "0", count: width - digits.utf8.count) + digits : digits
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
